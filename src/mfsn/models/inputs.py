"""What a network reads: named arrays of cached rows, and how much of each row counts.

Shapes: B batch, N segments, T positions along the first axis of a row (frames, or words of a text),
D width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfsn.base.arrays import Int64
from mfsn.models.config import Mask
from mfsn.segments.config import Reading

Source = tuple[str, str]
"""Where an input comes from: an extractor and one of its arrays, such as `("sec", "mid")`."""

LEVEL_DB: Source = ("spectrogram", "level_db")
"""Absolute level in dB, frames by bins."""
UTTERANCE_MAX_DB: Source = ("spectrogram", "utterance_max_db")
"""Largest level of the whole utterance in dB, one number per row."""
MFCC: Source = ("mfcc", "mfcc")
"""MFCC, frames by coefficients."""
ACOUSTIC = (LEVEL_DB, UTTERANCE_MAX_DB, MFCC)

LARGEST_OF: Mapping[Source, Source] = {("spectrogram", "max_db"): UTTERANCE_MAX_DB}
"""Cached arrays of one number per row, and the input that takes their place: the largest number
among the segments of the utterance."""


@dataclass(frozen=True)
class Features:
    """A batch of cached rows."""

    arrays: Mapping[Source, Tensor]
    """Source to its rows, float32, [B, ...]."""
    lengths: Mapping[Source, Tensor]
    """Source to the number of positions that count in each row, int64, [B]. Sources with one number
    per row have none."""

    def __getitem__(self, source: Source) -> Tensor:
        """The rows of a source."""
        return self.arrays[source]

    def of(self, extractor: str) -> dict[str, Tensor]:
        """Array name to rows, for the arrays of an extractor in this batch."""
        return {array: rows for (name, array), rows in self.arrays.items() if name == extractor}

    def mask(self, source: Source, mask: Mask = "valid") -> Tensor:
        """Mark the positions that count, bool, [B, T].

        Args:
            source: which rows.
            mask: `none` marks every position, as the published code does.
        """
        return valid_positions(self.lengths[source], self.arrays[source].shape[1], mask)


@dataclass(frozen=True)
class InputShapes:
    """The shapes of rows, which fix the sizes of a network, and how the rows are to be read."""

    shapes: Mapping[Source, tuple[int, ...]]
    """Source to the shape of one row. Sources that a network does not read do not matter to it."""
    reading: Reading = "fixed"

    def __getitem__(self, source: Source) -> tuple[int, ...]:
        """The shape of one row of a source."""
        return self.shapes[source]

    def of(self, extractor: str) -> tuple[str, ...]:
        """The arrays of an extractor, in their order; empty if it has none."""
        return tuple(array for name, array in self.shapes if name == extractor)

    def record(self) -> dict[str, Any]:
        """Plain values for JSON, from which `parse` makes the same shapes in the same order."""
        arrays = [[*source, list(shape)] for source, shape in self.shapes.items()]
        return {"arrays": arrays, "reading": self.reading}

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> InputShapes:
        """The shapes that `record` described.

        Raises:
            KeyError: if a field is missing.
            ValueError: if the description of an array is wrong.
        """
        arrays: Sequence[Any] = record["arrays"]
        shapes = {(extractor, array): tuple(shape) for extractor, array, shape in arrays}
        return cls(shapes, record["reading"])


def positions_within(audible_N: Int64, samples: int, positions: int) -> Int64:
    """How many of the positions of a segment begin within its real audio, [N].

    Position t of T counts when t < ceil(audible / samples * T). The first one always counts.

    Args:
        audible_N: samples of each segment that count as audio.
        samples: samples of a whole segment.
        positions: T, which divide the segment evenly.
    """
    counted_N: Int64 = -(-audible_N.astype(np.int64) * positions // samples)
    return counted_N.clip(1, positions)


def valid_positions(length_B: Tensor, positions: int, mask: Mask = "valid") -> Tensor:
    """Mark the first positions of each row, bool, [B, T].

    Args:
        length_B: how many of each row count.
        positions: T.
        mask: `none` marks every position.
    """
    if mask == "none":
        return torch.ones(len(length_B), positions, dtype=torch.bool, device=length_B.device)
    return torch.arange(positions, device=length_B.device) < length_B[:, None]


def keep_valid(x_BTD: Tensor, valid_BT: Tensor) -> Tensor:
    """Set every position that is not marked to zero, even if it holds NaN."""
    return torch.where(valid_BT[:, :, None], x_BTD, 0.0)
