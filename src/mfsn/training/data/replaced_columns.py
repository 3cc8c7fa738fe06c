"""Columns that give other values than the cached ones in some rows.

Each takes the place of the column that it is made from, whether that is in memory or in the store.
The store does not change, and the same row always has the same values.

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
    """bool. Like all indices here, it is on the device on which the column gives its rows."""

    def take(self, rows_B: Tensor) -> Tensor:
        """Rows in their storage dtype, [B, T, D]."""
        return take(self.column, rows_B).masked_fill(self.replaced_N[rows_B][:, None, None], 0)


@dataclass(frozen=True)
class Noise:
    """Noise in some rows: each takes frames of a pool, from its own start and at its own pace.

    Nothing is drawn while batches are made, so that a row does not depend on its batch.
    """

    column: Column
    replaced_N: Tensor
    """bool."""
    pool_PD: Tensor
    """In the storage dtype of the column. It consists of stretches of `stretch` frames each."""
    stretch: int
    """A power of two, so that an odd pace visits all frames before it returns to the first one."""
    start_N: Tensor
    """The frame of the pool with which a row begins; all its frames are from the same stretch."""
    pace_N: Tensor
    """How many frames of the pool lie between one frame of a row and the next; odd."""

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
    """Rows of other segments in the place of some rows."""

    column: Column
    source_N: Tensor
    """The row to read; that of the segment itself if nothing is replaced."""
    frames_N: Tensor
    """How many frames of that row are read, from the first on. If they are too few, they
    are repeated. All T if nothing is replaced."""

    def take(self, rows_B: Tensor) -> Tensor:
        """Rows in their storage dtype, [B, T, D]."""
        source_BTD = take(self.column, self.source_N[rows_B])
        frame_T = torch.arange(source_BTD.shape[1], device=rows_B.device)
        frame_BT1 = (frame_T % self.frames_N[rows_B, None])[:, :, None]
        return source_BTD.gather(1, frame_BT1.expand_as(source_BTD))
