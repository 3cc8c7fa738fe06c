"""`mfsn.FeatureDataset`: rows as tensors, for a DataLoader."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import mfsn
from mfsn.datasets.torch import FeatureDataset
from mfsn.store.store import Store

Stored = Callable[[str, str], Any]


def toy(extractor: str = "sec") -> FeatureDataset:
    return FeatureDataset(mfsn.open_features("toy", extractor))


def test_items_are_tensors_with_a_label(workspace: Path, stored: Stored) -> None:
    rows = mfsn.open_features("toy", "sec", utterance_id=["c", "b"])
    dataset = FeatureDataset(rows[["high"]])
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 3
    item = dataset[1]
    high = item.pop("high")
    assert high.dtype == torch.float32
    np.testing.assert_array_equal(high, stored("high", "b#1").astype(np.float32))
    assert item == {"segment_id": "b#1", "utterance_id": "b", "label": 1, "valid_frames": 2}


def test_integers_stay_integers_and_a_number_per_row_is_a_tensor(workspace: Path) -> None:
    item = toy("count")[0]
    assert item["count"].dtype == torch.int64
    assert item["max"].shape == ()
    assert "valid_frames" not in item


def test_items_of_whole_utterances_have_no_segment(workspace: Path, stored: Stored) -> None:
    dataset = toy("functionals")
    assert [dataset[place]["utterance_id"] for place in range(3)] == ["b", "a", "c"]
    assert set(dataset[0]) == {"utterance_id", "label", "functionals"}
    np.testing.assert_array_equal(dataset[2]["functionals"], stored("functionals", "c"))


def test_batches_are_collated_in_worker_processes(workspace: Path) -> None:
    first, last = DataLoader(toy(), batch_size=3, num_workers=1)
    assert first["segment_id"] == ["b#0", "b#1", "a#0"]
    assert first["low"].shape == (3, 5, 2)
    assert first["label"].tolist() == [1, 1, 0]
    assert last["valid_frames"].tolist() == [1]


def test_a_dataset_travels_to_another_process(workspace: Path) -> None:
    dataset = toy()
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[1]["high"], dataset[1]["high"])


def test_the_rows_of_a_batch_are_read_together(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[Any] = []
    original = Store.read

    def noting(self: Store, keys: Any, arrays: Any = None) -> Any:
        reads.append((len(keys), arrays))
        return original(self, keys, arrays)

    dataset = toy()
    monkeypatch.setattr(Store, "read", noting)
    assert len(list(DataLoader(dataset, batch_size=4))) == 1
    assert reads == [(4, ["low"]), (4, ["high"])]
