"""`mfsn.open_features`: rows of a corpus with names, read when they are needed."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import mfsn
from mfsn.errors import (
    CacheError,
    CorpusError,
    DamagedRowError,
    ManifestError,
    MfsnError,
    WorkspaceError,
)
from mfsn.store.store import Store
from mfsn.workspace import OWN_STAGE

Stored = Callable[[str, str], Any]


def open_toy(extractor: str = "sec", **chosen: Any) -> xarray.Dataset:
    return mfsn.open_features("toy", extractor, **chosen)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many rows each read of the store asked for."""
    found: list[int] = []
    original = Store.read

    def noting(self: Store, keys: Any, arrays: Any = None) -> Any:
        found.append(len(keys))
        return original(self, keys, arrays)

    monkeypatch.setattr(Store, "read", noting)
    yield found


def coords(rows: xarray.Dataset) -> dict[str, list[Any]]:
    return {str(name): coord.values.tolist() for name, coord in rows.coords.items()}


def test_rows_stand_in_the_order_of_the_corpus_with_what_is_known_of_them(
    workspace: Path, stored: Stored
) -> None:
    rows = open_toy()
    assert list(rows) == ["low", "high"]
    for name in ("low", "high"):
        assert rows[name].dims == ("segment_id", "frame", "feature")
        assert rows[name].dtype == np.float16
        expected = np.stack([stored(name, row) for row in ("b#0", "b#1", "a#0", "c#0")])
        np.testing.assert_array_equal(rows[name].values, expected)
    assert coords(rows) == {
        "segment_id": ["b#0", "b#1", "a#0", "c#0"],
        "utterance_id": ["b", "b", "a", "c"],
        "index": [0, 1, 0, 0],
        "start_s": [0.0, 0.5, 0.0, 0.0],
        "valid_samples": [8000, 1601, 8000, 1600],
        "valid_frames": [5, 2, 5, 1],  # 1,601 of 8,000 samples touch the second of five frames
        "emotion": ["sad", "sad", "angry", "sad"],
        "label": [1, 1, 0, 1],
        "speaker": ["s1", "s1", "", "s2"],
        "session": ["", "", "", ""],
    }
    assert rows.attrs == {
        "corpus": "toy", "extractor": "sec", "classes": ["angry", "sad"], "weights": "pretrained",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"utterance_id": "b"}, ["b#0", "b#1"]),
        ({"utterance_id": ["c", "b"]}, ["b#0", "b#1", "c#0"]),
        ({"segment_id": ("a#0", "b#1")}, ["b#1", "a#0"]),
        ({"speaker": "s2"}, ["c#0"]),
        ({"emotion": "sad", "speaker": ["s1"]}, ["b#0", "b#1"]),
        ({"emotion": "angry", "speaker": "s1"}, []),
        ({"utterance_id": []}, []),
    ],
)
def test_rows_can_be_chosen_when_they_are_opened(
    workspace: Path, stored: Stored, chosen: dict[str, Any], expected: list[str]
) -> None:
    rows = open_toy(**chosen)
    assert coords(rows)["segment_id"] == expected
    assert [row.tolist() for row in rows["high"].values] == [
        stored("high", row).tolist() for row in expected
    ]


def test_opening_and_selecting_read_nothing_and_values_only_what_is_selected(
    workspace: Path, reads: list[int]
) -> None:
    rows = open_toy()
    chosen = rows.sel(segment_id=rows["utterance_id"].isin(["b"]))
    assert "high" in repr(rows) and not reads
    assert chosen["high"].values.shape == (2, 5, 2)
    assert reads == [2]
    chosen["high"].isel(frame=0).values  # noqa: B018
    assert reads == [2, 2]
    chosen.load()["high"].mean()
    assert reads == [2, 2, 2, 2]  # `load` reads both arrays; what follows reads nothing


@pytest.mark.parametrize(
    "key",
    [
        {"segment_id": 1},
        {"segment_id": -1, "frame": 2},
        {"segment_id": slice(1, None, 2)},
        {"segment_id": [2, 0], "frame": [4, 1], "feature": [1]},
        {"segment_id": [3, 3], "frame": slice(None, None, -2), "feature": 0},
        {"frame": 0, "feature": 1},
    ],
)
def test_any_index_gives_what_numpy_gives(
    workspace: Path, stored: Stored, key: dict[str, Any]
) -> None:
    loaded = np.stack([stored("high", row) for row in ("b#0", "b#1", "a#0", "c#0")])
    expected = xarray.DataArray(loaded, dims=("segment_id", "frame", "feature")).isel(key)
    found = open_toy()["high"].isel(key)
    assert found.dims == expected.dims
    np.testing.assert_array_equal(found.values, expected.values)
    by_points = xarray.DataArray([0, 3], dims="point")
    np.testing.assert_array_equal(
        open_toy()["high"].isel(segment_id=by_points, frame=by_points).values,
        loaded[[0, 3], [0, 3]],
    )


def test_an_array_of_one_number_per_row(workspace: Path, stored: Stored) -> None:
    rows = open_toy("count")
    assert rows["max"].dims == ("segment_id",)
    assert rows["max"].sel(segment_id="b#1").item() == stored("max", "b#1")
    assert rows["count"].dtype == np.int64
    assert "valid_frames" not in rows.coords


def test_extractors_of_whole_utterances_have_a_row_each(workspace: Path, stored: Stored) -> None:
    rows = open_toy("functionals", utterance_id=["c", "b"])
    assert rows["functionals"].dims == ("utterance_id", "functional")
    assert coords(rows) == {
        "utterance_id": ["b", "c"], "emotion": ["sad", "sad"], "label": [1, 1],
        "speaker": ["s1", "s2"], "session": ["", ""],
    }  # fmt: skip
    np.testing.assert_array_equal(
        rows["functionals"].sel(utterance_id="b"), stored("functionals", "b")
    )
    with pytest.raises(CacheError, match="one row per utterance and no segments"):
        open_toy("functionals", segment_id="b#0")


def test_rows_that_are_not_read_yet_travel_to_another_process(
    workspace: Path, stored: Stored
) -> None:
    copy = pickle.loads(pickle.dumps(open_toy()["high"]))
    np.testing.assert_array_equal(copy.sel(segment_id="c#0"), stored("high", "c#0"))


def test_another_checkout_can_be_named(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError, match="is not in a checkout"):
        open_toy()
    assert mfsn.open_features("toy", "sec", str(workspace)).sizes["segment_id"] == 4


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda: mfsn.open_features("tyo", "sec"), CorpusError, "is not prepared in .*; .* toy"),
        (lambda: open_toy("seq"), CacheError, "no features seq; there are count, functionals, sec"),
        (lambda: open_toy(utterance_id="bb"), ManifestError, "no utterance_id bb; close .* b"),
        (lambda: open_toy(segment_id="b#2"), ManifestError, "no segment_id b#2; close ones are b#"),
        (lambda: open_toy(speaker=["s1", "s3"]), ManifestError, "no speaker s3; close ones are s"),
        (lambda: open_toy(session="1"), ManifestError, "no session 1; look at"),
        (lambda: open_toy(emotion="bored"), ManifestError, "sec of toy has no emotion bored"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(
    workspace: Path, ask: Any, error: type[MfsnError], says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        ask()
    assert "\n" not in str(raised.value)


def test_a_checkout_without_any_corpus_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(OWN_STAGE)
    with pytest.raises(CorpusError, match="run `dvc repro` first"):
        mfsn.open_features("toy", "sec", tmp_path)


def cut_off_a_shard(workspace: Path, size: int) -> None:
    (shard,) = workspace.glob("data/store/sec/*/high/c.0.0.0")
    os.truncate(shard, size)


def test_a_shard_cut_off_before_it_is_opened_names_the_repair(workspace: Path) -> None:
    cut_off_a_shard(workspace, 30)
    with pytest.raises(
        MfsnError, match=r"high/c\.0\.0.* has \d+ bytes.*`mfsn cache verify --repair`"
    ):
        open_toy()


def test_a_shard_cut_off_once_open_names_the_repair(workspace: Path) -> None:
    rows = open_toy()
    cut_off_a_shard(workspace, 30)
    with pytest.raises(DamagedRowError, match="`mfsn cache verify --repair`"):
        rows["high"].sel(segment_id="c#0").load()


def test_a_damaged_row_is_never_given(workspace: Path, stored: Stored) -> None:
    rows = open_toy()
    (shard,) = workspace.glob("data/store/sec/*/high/c.0.0.0")
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(DamagedRowError):
        rows.load()
    with pytest.raises(DamagedRowError):
        mfsn.FeatureDataset(rows)[0]
    np.testing.assert_array_equal(rows["high"].sel(segment_id="c#0"), stored("high", "c#0"))
