"""Cached rows as a torch Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch.utils.data import Dataset

from mfsn.store.reader import FeatureReader

Item = dict[str, Any]


class FeatureDataset(Dataset[Item]):
    """One item a row; made by `mfsn.datasets.cached.CorpusFeatures.dataset`.

    An item has a float32 tensor for each array under its name (integers stay so), and `id`,
    `utterance`, `label` (class index) and, where the arrays have frames, `valid_frames`. Rows of a
    segment all have one shape, so that DataLoader's own collation batches them. A DataLoader asks
    for whole batches, which are read together. No file stays open between two items, so that the
    dataset goes to worker processes as it is.

    Args:
        reader: of the rows.
        table: one line an item: columns `id`, `utterance`, `label` and maybe `valid_frames`.
        arrays: names of the arrays to read.
    """

    def __init__(self, reader: FeatureReader, table: pd.DataFrame, arrays: Sequence[str]) -> None:
        self._reader = reader
        self._facts: list[Item] = [
            {str(name): value for name, value in line.items()}
            for line in table.to_dict(orient="records")
        ]
        self._arrays = list(arrays)

    def __len__(self) -> int:
        return len(self._facts)

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Several items, read together.

        Raises:
            MissingRowError: if a row is gone from the store.
            DamagedRowError: if a row does not match its checksum.
        """
        facts = [self._facts[index] for index in indices]
        read = self._reader.read([fact["id"] for fact in facts], self._arrays)
        tensors = {name: _tensor(torch.from_numpy(rows)) for name, rows in read.items()}
        return [
            fact | {name: rows[place] for name, rows in tensors.items()}
            for place, fact in enumerate(facts)
        ]


def _tensor(rows: torch.Tensor) -> torch.Tensor:
    return rows.float() if rows.is_floating_point() else rows
