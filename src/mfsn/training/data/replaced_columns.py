"""Columns that give other values than cached ones in some rows: a column stands behind each.

They stand where the column itself would, in memory and streaming alike, leave the store as it is,
and give the same row whenever it is asked for.

Shapes: N segments, B batch, T frames, D width, P frames of a pool.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mfsn.training.data.columns import Column, take


@dataclass(frozen=True)
class Zeros:
    """Zeros in some rows."""

    column: Column
    replaced_N: Tensor
    """bool; like all indices here, where the column gives its rows."""

    def take(self, rows_B: Tensor) -> Tensor:
        """Rows in their storage dtype, [B, T, D]."""
        return take(self.column, rows_B).masked_fill(self.replaced_N[rows_B][:, None, None], 0)


@dataclass(frozen=True)
class Noise:
    """Noise in some rows: each walks through a pool of frames from its own start, at its own pace.

    No number is drawn in the loop, so that a row does not depend on the batch that it is in.
    """

    column: Column
    replaced_N: Tensor
    """bool."""
    pool_PD: Tensor
    """In the storage dtype of the column; one stretch of `stretch` frames after the other."""
    stretch: int
    """A power of two, so that an odd pace comes back to a frame only after all others."""
    start_N: Tensor
    """The frame of the pool that a row begins with; it stays in that stretch."""
    pace_N: Tensor
    """Frames of the pool from one frame of a row to the next; odd."""

    def take(self, rows_B: Tensor) -> Tensor:
        """Rows in their storage dtype, [B, T, D]."""
        cached_BTD = take(self.column, rows_B)
        start_B1, pace_B1 = self.start_N[rows_B, None], self.pace_N[rows_B, None]
        walked_BT = start_B1 + pace_B1 * torch.arange(cached_BTD.shape[1], device=rows_B.device)
        frames_BT = start_B1 - start_B1 % self.stretch + walked_BT % self.stretch
        replaced_B11 = self.replaced_N[rows_B][:, None, None]
        return torch.where(replaced_B11, self.pool_PD[frames_BT], cached_BTD)


@dataclass(frozen=True)
class Exchanged:
    """Other rows in the place of some."""

    column: Column
    source_N: Tensor
    """The row to read; the row itself where nothing is replaced."""
    frames_N: Tensor
    """Frames of the source that are read, from its first, and again once they are used up; all T
    where nothing is replaced."""

    def take(self, rows_B: Tensor) -> Tensor:
        """Rows in their storage dtype, [B, T, D]."""
        source_BTD = take(self.column, self.source_N[rows_B])
        frame_T = torch.arange(source_BTD.shape[1], device=rows_B.device)
        frame_BT1 = (frame_T % self.frames_N[rows_B, None])[:, :, None]
        return source_BTD.gather(1, frame_BT1.expand_as(source_BTD))
