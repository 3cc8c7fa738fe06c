"""Extractors by name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mfsn import plugins
from mfsn.errors import ConfigError
from mfsn.features.base import store_spec
from mfsn.features.config import EncoderConfig, FunctionalsConfig, MfccConfig, SpectrogramConfig
from mfsn.features.extraction.config import ExtractConfig
from mfsn.features.registry import config_type, make_extractor, remake_extractor, scope_of

MakePlugin = Callable[..., None]
CONFIGS = {
    "sec": EncoderConfig(model="random/data2vec-audio-demo", levels={"low": 1, "high": -1}),
    "tec": EncoderConfig(model="random/wav2vec2-demo", levels={"last": -1}),
    "spectrogram": SpectrogramConfig(),
    "mfcc": MfccConfig(),
    "functionals": FunctionalsConfig(),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_extractor_carries_its_name_and_describes_its_rows(name: str, store: Path) -> None:
    extractor = make_extractor(name, CONFIGS[name], 16_000, 48_000)
    assert extractor.name == name
    assert extractor.scope == ("utterance" if name == "functionals" else "segment")
    assert type(CONFIGS[name]).model_validate(extractor.about["config"]) == CONFIGS[name]
    shapes = {
        "sec": {"low": (149, 48), "high": (149, 48)},
        "tec": {"last": (149, 48)},
        "spectrogram": {"level_db": (300, 200), "max_db": ()},
        "mfcc": {"mfcc": (300, 40)},
        "functionals": {"functionals": (320,)},
    }
    assert {array.name: array.shape for array in extractor.arrays} == shapes[name]


def test_the_registry_knows_what_the_pipeline_extracts(checkout: Path) -> None:
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    known = plugins.names("extractors")
    assert known == params["extract"]["extractors"] == ExtractConfig().extractors


def test_an_unknown_extractor_is_refused() -> None:
    with pytest.raises(ConfigError, match="no extractor 'prosody'; choose one of sec, tec"):
        make_extractor("prosody", MfccConfig(), 16_000, 48_000)


FROM_OUTSIDE = """
from pydantic import Field
from mfsn.config import Config
from mfsn.features.extractors.mfcc import MfccExtractor
from mfsn.features.base import store_spec
from mfsn.features.config import MfccConfig

class LoudnessConfig(Config):
    gain: float = Field(1.0, gt=0)

class Loudness(MfccExtractor):
    name = "loudness"
    config_type = LoudnessConfig

    def __init__(self, config, sample_rate_hz, samples):
        super().__init__(MfccConfig(), sample_rate_hz, samples)
        self._own = config

    @property
    def about(self):
        return {"config": self._own.model_dump(mode="json"), "weights": "none"}

    @classmethod
    def as_published(cls):
        return Published

class Published(Loudness):
    version = 7

class Plain:
    name = "loudness"
    scope = "segment"

    def __init__(self, config, sample_rate_hz, samples):
        pass
"""


def test_a_plugin_brings_its_own_parameters(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.extractors]\nloudness = outside:Loudness", outside=FROM_OUTSIDE)
    config = config_type("loudness").parse({"gain": 2}, where="params.yaml: loudness")
    with pytest.raises(ConfigError, match=r"params\.yaml: loudness: gain is -1; it takes a number"):
        config_type("loudness").parse({"gain": -1}, where="params.yaml: loudness")
    made = make_extractor("loudness", config, 16_000, 48_000)
    again = remake_extractor("loudness", made.about, 16_000, 48_000)
    assert made.about == again.about == {"config": {"gain": 2.0}, "weights": "none"}
    assert made.version == 1
    assert make_extractor("loudness", config, 16_000, 48_000, "as_published").version == 7


def test_the_version_of_a_plugin_is_part_of_the_identity_of_its_rows(plugin: MakePlugin) -> None:
    specs = []
    for version in ("1.0", "1.1"):
        plugin(
            f"v{version}", "[mfsn.extractors]\nloudness = outside:Loudness", version,
            outside=FROM_OUTSIDE,
        )  # fmt: skip
        made = make_extractor("loudness", config_type("loudness")(), 16_000, 48_000)
        specs.append(store_spec(made, {}))
        shutil.rmtree(sys.path.pop(0))
    assert [spec.recipe["version"] for spec in specs] == [1, 1]
    assert [spec.recipe["plugin"]["version"] for spec in specs] == ["1.0", "1.1"]
    assert specs[0].identity != specs[1].identity


def test_an_extractor_of_mfsn_has_no_origin_in_its_identity() -> None:
    made = make_extractor("mfcc", MfccConfig(), 16_000, 48_000)
    assert set(store_spec(made, {}).recipe) == {"extractor", "version", "parameters", "segment"}


def test_a_plugin_that_does_not_say_what_it_hears_is_named(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.extractors]\nloudness = outside:Plain", outside=FROM_OUTSIDE)
    with pytest.raises(ConfigError, match="loudness of the distribution more-speech has no contex"):
        make_extractor("loudness", MfccConfig(), 16_000, 48_000)


def test_the_scope_is_known_without_making_the_extractor(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.extractors]\nloudness = outside:Plain", outside=FROM_OUTSIDE)
    scopes = {name: scope_of(name) for name in ("sec", "functionals", "loudness")}
    assert scopes == {"sec": "segment", "functionals": "utterance", "loudness": "segment"}


@pytest.mark.parametrize("given", ["", 'Plain.scope = "word"'])
def test_a_plugin_without_a_scope_is_named(plugin: MakePlugin, given: str) -> None:
    outside = FROM_OUTSIDE.replace('    scope = "segment"\n', "") + given
    plugin("more-speech", "[mfsn.extractors]\nloudness = outside:Plain", outside=outside)
    expected = "loudness of the distribution more-speech has no scope"
    with pytest.raises(ConfigError, match=expected):
        scope_of("loudness")
    with pytest.raises(ConfigError, match=expected):
        make_extractor("loudness", MfccConfig(), 16_000, 48_000)


def test_a_plugin_without_a_type_of_its_parameters_is_named(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.extractors]\nloudness = outside:Plain", outside=FROM_OUTSIDE)
    with pytest.raises(ConfigError, match="loudness of the distribution more-speech has no config"):
        config_type("loudness")


def test_a_plugin_whose_extractor_has_another_name_is_named(plugin: MakePlugin) -> None:
    plugin("more-speech", "[mfsn.extractors]\nquiet = outside:Loudness", outside=FROM_OUTSIDE)
    with pytest.raises(
        ConfigError, match="quiet of the distribution more-speech has the name 'lou"
    ):
        make_extractor("quiet", config_type("quiet")(), 16_000, 48_000)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_extractor_declares_its_parameters(name: str) -> None:
    assert config_type(name) is type(CONFIGS[name])


def test_importing_the_registry_imports_no_tensors() -> None:
    code = "import sys, mfsn.features.registry; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
