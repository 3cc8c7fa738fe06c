"""Whether the encoders of params.yaml fit together, asked before hours of work with one of them."""

from __future__ import annotations

from pathlib import Path

from mfsn.features.base import Extractor
from mfsn.features.registry import make_extractor
from mfsn.models.frames import joins_frames, refuse_unlike_frames
from mfsn.params import load_params
from mfsn.training.system import get_system

_OTHER = {"sec": "tec", "tec": "sec"}


def refuse_unlike_encoders(workspace: Path, extractor: Extractor) -> None:
    """Stop where SEC and TEC would be joined frame by frame and cannot be.

    It reads parameters that `extract@NAME` does not declare in dvc.yaml, and may: they decide
    whether rows are worth computing, never what a row holds.

    Args:
        workspace: folder with params.yaml, which names the other encoder.
        extractor: about to run; nothing is asked of others than SEC and TEC.

    Raises:
        ConfigError: as `mfsn.models.frames.refuse_unlike_frames`, or if the other encoder cannot
            be loaded.
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
