"""Extractors by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mfsn import plugins
from mfsn.errors import ConfigError
from mfsn.features.config import EncoderConfig, FunctionalsConfig, MfccConfig, SpectrogramConfig
from mfsn.features.extraction.config import ExtractConfig
from mfsn.features.registry import make_extractor

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


def test_importing_the_registry_imports_no_tensors() -> None:
    code = "import sys, mfsn.features.registry; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
