"""The tensors that a network reads.

Shapes: B batch, T encoder frames, D encoder width, F frequency bins, S spectrogram frames,
M MFCC frames, K coefficients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from mfsn.segments.config import Reading


class Slices(Protocol):
    """Rows that are taken a slice at a time: a tensor, or what reads them from the store."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice) -> Tensor: ...


@dataclass(frozen=True)
class InputShapes:
    """Sizes of a row, which fix the sizes of a network, and how rows are to be read."""

    sec_frames: int
    sec_width: int
    tec_frames: int
    tec_width: int
    spectrogram_frames: int
    spectrogram_bins: int
    mfcc_frames: int
    mfcc_coefficients: int
    reading: Reading = field(default="fixed", kw_only=True)


@dataclass(frozen=True)
class Features:
    """A batch of cached rows, float32."""

    sec: Mapping[str, Tensor]
    """SEC level name ("low", "mid", "high") to [B, T, D]; empty where the system reads none."""
    tec_BTD: Tensor | None
    """TEC (its last level); None where the system reads none."""
    spectrogram_BSF: Tensor
    """Absolute level in dB, frames by bins (300 x 200)."""
    utterance_max_B: Tensor
    """Largest level of the whole utterance, dB."""
    mfcc_BMK: Tensor
    """MFCC, frames by coefficients (300 x 40)."""
    valid_B: Tensor
    """Share of each segment that is real audio, in (0, 1]; frame t of T is valid when
    t < ceil(valid * T)."""
