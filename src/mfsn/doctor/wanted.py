"""Which rows params.yaml asks for."""

from __future__ import annotations

from pathlib import Path

from mfsn.features.base import Extractor, store_spec
from mfsn.features.registry import make_extractor
from mfsn.params import Params
from mfsn.segments.waves import segment_recipe, waveform_store
from mfsn.store.messages import WAVEFORM
from mfsn.store.spec import StoreSpec


def extractor_of(name: str, params: Params) -> Extractor:
    """The extractor that params.yaml describes.

    Args:
        name: one of `extract.extractors`.
        params: the whole params.yaml.

    Raises:
        ConfigError: if its parameters contradict each other or the segment.
        ModelLoadError: if its encoder cannot be loaded.
    """
    segment = params.segment
    cut = (segment.sample_rate_hz, segment.samples, segment.reading)
    return make_extractor(name, params.section(name), *cut)


def spec_of(extractor: Extractor, params: Params) -> StoreSpec:
    """The identity of an extractor's rows, given the segments of params.yaml."""
    return store_spec(extractor, segment_recipe(params.segment))


def wanted_spec(name: str, params: Params, store_root: Path) -> StoreSpec:
    """The identity of the rows of an extractor, or of waves, as params.yaml asks for them.

    Raises:
        ConfigError, ModelLoadError: in the same cases as `extractor_of`.
    """
    if name == WAVEFORM:
        return waveform_store(params.segment, store_root).spec
    return spec_of(extractor_of(name, params), params)
