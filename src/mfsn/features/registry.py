"""Extractors by name.

Modules are imported by name, only when asked for: a stage then depends on the code of its own
extractor and on no other's .
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from mfsn import plugins
from mfsn.config import Config
from mfsn.features.config import EncoderConfig, FunctionalsConfig, MfccConfig, SpectrogramConfig
from mfsn.segments.config import Reading

if TYPE_CHECKING:
    from mfsn.features.base import Extractor

_PUBLISHED = {
    "spectrogram": "PublishedSpectrogramExtractor",
    "mfcc": "PublishedMfccExtractor",
}
"""Classes of `segment.reading: as_published`; the others differ in what they hear alone."""

_CONFIGS: Mapping[str, type[Config]] = {
    "sec": EncoderConfig,
    "tec": EncoderConfig,
    "spectrogram": SpectrogramConfig,
    "mfcc": MfccConfig,
    "functionals": FunctionalsConfig,
}


def config_type(name: str) -> type[Config]:
    """The type of an extractor's section of params.yaml.

    Raises:
        ConfigError: if there is no such extractor.
    """
    if name in _CONFIGS:
        return _CONFIGS[name]
    found: type[Config] = plugins.load("extractors", name).config_type
    return found


def make_extractor(
    name: str, config: Config, sample_rate_hz: int, samples: int, reading: Reading = "fixed"
) -> Extractor:
    """Make an extractor.

    Args:
        name: an extractor.
        config: its section of params.yaml.
        sample_rate_hz: of the waves that it will be given.
        samples: length of a segment; extractors of whole utterances take any length.
        reading: how segments become features.

    Raises:
        ConfigError: if there is no such extractor, or its parameters contradict each other or the
            segment.
        ModelLoadError: if its encoder cannot be loaded.
    """
    cls = plugins.load("extractors", name)
    if reading == "as_published" and name in _PUBLISHED:
        cls = getattr(importlib.import_module(cls.__module__), _PUBLISHED[name])
    if cls.scope == "utterance":
        return cast("Extractor", cls(config, sample_rate_hz))
    return cast("Extractor", cls(config, sample_rate_hz, samples))


def remake_extractor(
    name: str,
    about: Mapping[str, Any],
    sample_rate_hz: int,
    samples: int,
    reading: Reading = "fixed",
) -> Extractor:
    """Make an extractor again from what it said about itself, as digests and models keep it.

    Args:
        name: an extractor.
        about: its `about`, as JSON gives it back.
        sample_rate_hz: of the waves that it will be given.
        samples: length of a segment.
        reading: how segments become features.

    Raises:
        ConfigError: if this version does not know one of the parameters; as `make_extractor`.
        ModelLoadError: as `make_extractor`.
    """
    values = dict(about["config"])
    if isinstance(values.get("levels"), dict):
        values["levels"] = {level: values["levels"][level] for level in about["levels"]}
    config = config_type(name).parse(values, where=f"the model's {name}")
    return make_extractor(name, config, sample_rate_hz, samples, reading)
