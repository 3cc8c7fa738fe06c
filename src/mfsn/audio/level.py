"""How loud a stored wave is, and what is wrong with it: silence, clipping, a constant offset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mfsn.base.arrays import Int16

CLIPPED_SHARE = 0.01
"""A recording is named as clipped if a larger share of its samples is at the end of the range."""

RUINED_SHARE = 0.5
"""A recording with a larger share of clipped samples is no sound: its samples have another unit."""

_FULL_SCALE = 32768


@dataclass(frozen=True)
class Level:
    """The level of a mono wave; full scale is 1."""

    peak: float
    """Half the distance between the smallest and the largest sample, so a constant has none."""
    offset: float
    """The mean of all samples."""
    deviation: float
    """The standard deviation of the samples."""
    clipped: float
    """The share of the samples that are at the end of the range of 16 bits."""

    @property
    def is_clipped(self) -> bool:
        """Whether the recording is named as clipped."""
        return self.clipped > CLIPPED_SHARE

    @property
    def is_ruined(self) -> bool:
        """Whether so much is clipped that the samples must have another unit."""
        return self.clipped > RUINED_SHARE

    @property
    def is_offset(self) -> bool:
        """Whether the mean is farther from zero than the samples are from their mean."""
        return abs(self.offset) > self.deviation


def level_of(blocks: Iterable[Int16]) -> Level:
    """The level of a wave that comes in blocks.

    Args:
        blocks: samples (n,) each, at least one sample together.
    """
    samples = total = squares = clipped = 0
    low, high = _FULL_SCALE, -_FULL_SCALE
    for block in blocks:
        if len(block):
            wide = block.astype(np.int64)
            samples, total = samples + len(block), total + int(wide.sum())
            squares += int(np.square(wide).sum())
            low, high = min(low, int(block.min())), max(high, int(block.max()))
            clipped += int(np.count_nonzero((wide >= _FULL_SCALE - 1) | (wide <= -_FULL_SCALE)))
    mean = total / samples
    deviation = max(0.0, squares / samples - mean**2) ** 0.5
    return Level(
        (high - low) / 2 / _FULL_SCALE,
        mean / _FULL_SCALE,
        deviation / _FULL_SCALE,
        clipped / samples,
    )
