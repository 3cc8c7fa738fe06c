"""One row per segment for all segments of a corpus: in memory, or in the store until needed.

Shapes: N segments, B batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from mfsn.runs.work import in_worker
from mfsn.store.reader import FeatureReader

LOADERS = 4
"""Threads that read rows into memory, `LOADED_ROWS` at a time."""
LOADED_ROWS = 128


class Stopwatch:
    """Adds up the seconds spent in its `with` blocks, which must not be nested."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._started


@dataclass(frozen=True)
class StoredArray:
    """One array of the store, in the order of some segments; it takes the place of a tensor."""

    reader: FeatureReader
    name: str
    ids: Sequence[str]
    """The name that the digest has for each row."""
    device: str
    """Where batches will go."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all rows together."""
        arrays = {array.name: array.shape for array in self.reader.digest.arrays}
        return (len(self.ids), *arrays[self.name])

    def take(self, rows_B: Tensor) -> Tensor:
        """Read rows, checked against their checksums; on the CPU, pinned if they go to a GPU.

        Args:
            rows_B: indices, on the CPU.

        Raises:
            MissingRowError: if a row is gone.
            DamagedRowError: if a row does not match its checksum.
        """
        rows = self._read([self.ids[row] for row in rows_B.tolist()])
        return rows if self.device == "cpu" else rows.pin_memory()

    def load(self) -> Tensor:
        """All rows on the device. Only a constant amount of memory is needed beside them.

        Raises:
            MissingRowError: if a row is gone.
            DamagedRowError: if a row does not match its checksum.
        """
        one = self._read(self.ids[:1])
        rows = torch.empty((len(self.ids), *one.shape[1:]), dtype=one.dtype, device=self.device)

        pieces = [slice(i, i + LOADED_ROWS) for i in range(0, len(self.ids), LOADED_ROWS)]
        title = f"reading {self.reader.digest.extractor} {self.name}"
        with ThreadPoolExecutor(LOADERS) as pool:
            read = pool.map(lambda piece: self._fill(rows, piece), pieces)
            hidden = in_worker() or None
            for _ in tqdm(read, title, len(pieces), disable=hidden, leave=False):
                pass
        return rows

    def _fill(self, rows: Tensor, piece: slice) -> None:
        rows[piece] = self._read(self.ids[piece]).to(self.device)

    def _read(self, ids: Sequence[str]) -> Tensor:
        return torch.from_numpy(self.reader.read(ids, [self.name])[self.name])


class Takes(Protocol):
    """Something that gives the rows of a column when it is asked for them."""

    def take(self, rows_B: Tensor) -> Tensor:
        """Rows in their storage dtype; indices are on the same device."""
        ...


Column = Tensor | Takes
"""One row per segment: all rows on the device, or something that reads them."""


def take(column: Column, rows_B: Tensor) -> Tensor:
    """Rows of a column in their storage dtype; indices are on the same device."""
    if isinstance(column, Tensor):
        return column.index_select(0, rows_B)
    return column.take(rows_B)
