"""Check that the encoders in params.yaml fit together before one of them works for hours."""

from __future__ import annotations

from pathlib import Path

from mfsn.features.base import Extractor
from mfsn.features.registry import make_extractor
from mfsn.models.frames import joins_frames, refuse_unlike_frames
from mfsn.params import load_params
from mfsn.training.system import get_system

_OTHER = {"sec": "tec", "tec": "sec"}


def refuse_unlike_encoders(workspace: Path, extractor: Extractor) -> None:
    """Raise an error if SEC and TEC must be joined frame by frame, but their frames differ.

    This reads parameters that `extract@NAME` does not declare in dvc.yaml. It may do so, because
    they decide only whether rows are worth computing, never what a row contains.

    Args:
        workspace: the folder with params.yaml, which names the other encoder.
        extractor: the extractor that is about to run; only SEC and TEC are checked.

    Raises:
        ConfigError: in the same cases as `mfsn.models.frames.refuse_unlike_frames`.
        ModelLoadError: if the other encoder cannot be loaded.
    """
    other = _OTHER.get(extractor.name)
    if other is None:
        return
    params = load_params(workspace)
    parts = get_system(params.system).network
    if parts is None or not joins_frames(parts, params.model):
        return
    segment = params.segment
    cut = (segment.sample_rate_hz, segment.samples, segment.reading)
    both = {extractor.name: extractor, other: make_extractor(other, params.section(other), *cut)}
    frames = {name: each.arrays[-1].shape[0] for name, each in both.items()}
    refuse_unlike_frames(parts, params.model, frames)
