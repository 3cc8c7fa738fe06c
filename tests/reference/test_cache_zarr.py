"""The store against two other implementations of Zarr: zarr-python and TensorStore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tensorstore
import zarr
from zarr.codecs import Crc32cCodec

from mfsn.store import layout, shard
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store

ARRAYS = (
    ArraySpec("high", (3, 5), "float16", ("frame", "feature")),
    ArraySpec("level", (), "float32", ()),
    ArraySpec("wave", (7,), "int16", ("sample",)),
    ArraySpec("count", (), "int64", ()),
)
SPEC = StoreSpec("toy", {"extractor": "toy", "version": 1}, ARRAYS)
CAPACITY = 4


def rows(number: int) -> dict[str, npt.NDArray[Any]]:
    rng = np.random.default_rng(number)
    return {
        "high": rng.normal(size=(number, 3, 5)).astype(np.float16),
        "level": rng.normal(size=number).astype(np.float32),
        "wave": rng.integers(-(2**15), 2**15, (number, 7)).astype(np.int16),
        "count": rng.integers(-(2**62), 2**62, number),
    }


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, dict[str, Any]]:
    """Six rows in a full shard and a short one, then three in another."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", CAPACITY)
    store, values = Store(tmp_path, SPEC), rows(9)
    for part in (slice(0, 6), slice(6, 9)):
        with store.writer() as writer:
            keys = [f"key {row}" for row in range(9)][part]
            writer.append(keys, {name: array[part] for name, array in values.items()})
    return store, values


# The second shard is short: rows 6 and 7 of the arrays are not rows of the store.
PLACES = [0, 1, 2, 3, 4, 5, 8, 9, 10]


def test_zarr_python_reads_the_same_rows(filled: tuple[Store, dict[str, Any]]) -> None:
    store, values = filled
    group = zarr.open_group(store.path, mode="r")
    for name, expected in values.items():
        array = group[name]
        assert isinstance(array, zarr.Array)
        np.testing.assert_array_equal(np.asarray(array[:])[PLACES], expected)


def test_tensorstore_reads_the_same_rows(filled: tuple[Store, dict[str, Any]]) -> None:
    store, values = filled
    for name, expected in values.items():
        place = {"driver": "file", "path": str(store.path / name)}
        array = tensorstore.open({"driver": "zarr3", "kvstore": place}).result().read().result()
        np.testing.assert_array_equal(array[PLACES], expected)


def test_rows_of_no_commit_are_fill_values(filled: tuple[Store, dict[str, Any]]) -> None:
    store, _ = filled
    group = zarr.open_group(store.path, mode="r")
    assert np.isnan(np.asarray(group["high"][6:8])).all()  # type: ignore[index]
    assert (np.asarray(group["wave"][6:8]) == 0).all()  # type: ignore[index]


def test_axes_have_names_and_the_group_describes_itself(
    filled: tuple[Store, dict[str, Any]],
) -> None:
    store, _ = filled
    group = zarr.open_group(store.path, mode="r")
    high = group["high"]
    assert isinstance(high, zarr.Array)
    assert high.metadata.dimension_names == ("row", "frame", "feature")  # type: ignore[union-attr]
    described: Any = group.attrs["mfsn"]
    assert described["recipe"] == {"extractor": "toy", "version": 1}
    assert described["rows_per_shard"] == CAPACITY


@pytest.mark.parametrize("number", [1, 3, CAPACITY])
def test_a_shard_has_the_bytes_that_zarr_python_writes(tmp_path: Path, number: int) -> None:
    values = rows(number)["high"]
    shard.write(tmp_path / "ours", values, CAPACITY)
    theirs = zarr.create_array(
        tmp_path / "theirs",
        shape=(number, 3, 5),
        shards=(CAPACITY, 3, 5),
        chunks=(1, 3, 5),
        dtype="float16",
        fill_value=np.nan,
        compressors=Crc32cCodec(),
    )
    theirs[:] = values
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs/c/0/0/0").read_bytes()
