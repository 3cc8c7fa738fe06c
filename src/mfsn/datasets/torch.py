"""Rows of features as a torch Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import xarray
from torch.utils.data import Dataset

from mfsn.datasets.rows import SEGMENT, UTTERANCE

Item = dict[str, Any]
FACTS = (SEGMENT, UTTERANCE, "label", "valid_frames")
"""What an item says about its row, if it is known."""


class FeatureDataset(Dataset[Item]):
    """One item per row of an `xarray.Dataset` of `mfsn.open_features`.

    An item has a tensor per variable under its name, float32 (integers stay integers) and of the
    shape of a row. It also has `segment_id` (if a row is a segment), `utterance_id`, `label`
    (index of the emotion) and, if there are frames, `valid_frames`. All rows of an extractor
    have one shape, so a DataLoader can batch them as they are.

    All rows of a batch are read together, when the batch is needed. No file stays open in between,
    so the dataset can be sent to worker processes.

    Args:
        rows: select rows and variables first: `features[["high"]].sel(segment_id=...)`.

    Raises:
        MissingRowError: when an item is read, if its row is gone from the store.
        DamagedRowError: when an item is read, if its row does not match its checksum.

    Example:
        >>> dataset = mfsn.FeatureDataset(mfsn.open_features("demo", "mfcc"))  # doctest: +SKIP
        >>> batches = torch.utils.data.DataLoader(dataset, batch_size=32)  # doctest: +SKIP
    """

    def __init__(self, rows: xarray.Dataset) -> None:
        self._rows = rows
        self._row = SEGMENT if SEGMENT in rows.dims else UTTERANCE
        known = {name: rows[name].values.tolist() for name in FACTS if name in rows.coords}
        self._facts: list[Item] = [
            dict(zip(known, values, strict=True)) for values in zip(*known.values(), strict=True)
        ]

    def __len__(self) -> int:
        return len(self._facts)

    def __getitem__(self, index: int) -> Item:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """Several items, whose rows are read together; a DataLoader calls it for whole batches."""
        chosen = self._rows.isel({self._row: list(indices)})
        tensors = {str(name): _tensor(chosen[name]) for name in chosen.data_vars}
        return [
            self._facts[index] | {name: rows[place] for name, rows in tensors.items()}
            for place, index in enumerate(indices)
        ]


def _tensor(rows: xarray.DataArray) -> torch.Tensor:
    tensor = torch.from_numpy(rows.values)
    return tensor.float() if tensor.is_floating_point() else tensor
