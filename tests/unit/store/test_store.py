"""Appending to a store directory and reading from it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mfsn.errors import CacheError, MissingRowError, RangeError, StoreVersionError
from mfsn.store import layout
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store

ARRAYS = (
    ArraySpec("high", (2, 3), "float16", ("frame", "feature")),
    ArraySpec("count", (), "int64", ()),
)
SPEC = StoreSpec("mfcc", {"extractor": "mfcc", "version": 1}, ARRAYS)
KEYS = [SPEC.row_key(f"audio {row}", 0) for row in range(10)]


def rows(numbers: list[int]) -> dict[str, npt.NDArray[Any]]:
    high = np.arange(6, dtype=np.float16).reshape(2, 3) + 10 * np.array(numbers)[:, None, None]
    return {"high": high.astype(np.float16), "count": np.array(numbers, np.int64)}


def append(store: Store, numbers: list[int]) -> None:
    with store.writer() as writer:
        writer.append([KEYS[number] for number in numbers], rows(numbers))


def assert_reads(store: Store, numbers: list[int]) -> None:
    read = store.read([KEYS[number] for number in numbers])
    for name, expected in rows(numbers).items():
        np.testing.assert_array_equal(read[name], expected)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store with four rows a shard."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk is slow, and keeps its power
    return Store(tmp_path, SPEC)


def test_a_store_that_does_not_exist_has_no_rows_and_reading_makes_no_folder(store: Store) -> None:
    assert store.committed() == {}
    assert store.missing([KEYS[1], KEYS[0], KEYS[1]]) == [KEYS[1], KEYS[0]]
    assert not store.path.exists()


def test_rows_come_back_in_the_order_asked(store: Store) -> None:
    append(store, list(range(10)))
    assert_reads(store, [9, 0, 4, 4, 7, 1, 9])


def test_rows_have_the_stored_dtype(store: Store) -> None:
    append(store, [0])
    read = store.read([KEYS[0]])
    assert [read[name].dtype.name for name in ("high", "count")] == ["float16", "int64"]


def test_no_rows_can_be_asked_for(store: Store) -> None:
    append(store, [0])
    assert store.read([])["high"].shape == (0, 2, 3)


def test_chosen_arrays_only(store: Store) -> None:
    append(store, [0, 1])
    assert list(store.read(KEYS[:2], ["count"])) == ["count"]


def test_an_unknown_array_is_named(store: Store) -> None:
    append(store, [0])
    with pytest.raises(CacheError, match="no array low; there are high, count"):
        store.read(KEYS[:1], ["low"])


def test_a_missing_row_names_the_command_that_computes_it(store: Store) -> None:
    append(store, [0])
    with pytest.raises(MissingRowError, match=r"1 of 2 rows.*`dvc repro` computes them"):
        store.read(KEYS[:2])


def test_a_full_shard_is_committed_beside_the_next_and_a_short_one_at_the_end(
    store: Store,
) -> None:
    with store.writer() as writer:
        writer.append(KEYS[:6], rows(list(range(6))))
        deadline = time.monotonic() + 60
        while not (there := set(Store(store.root, SPEC).committed())):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert there == set(KEYS[:4])
    assert set(Store(store.root, SPEC).committed()) == set(KEYS[:6])


def test_appending_after_a_short_shard_starts_a_new_one(store: Store) -> None:
    append(store, [0])
    written = store.path / "high" / "c.0.0.0"
    before = written.read_bytes()
    append(store, [1, 2])
    assert written.read_bytes() == before
    assert (store.path / "high" / "c.1.0.0").is_file()
    assert_reads(store, [2, 0, 1])


def test_a_row_that_is_there_stays_as_it_is(store: Store) -> None:
    append(store, [0])
    with store.writer() as writer:
        writer.append([KEYS[0], KEYS[1], KEYS[1]], rows([7, 1, 8]))
    assert_reads(store, [0, 1])
    assert len(list((store.path / "commits").iterdir())) == 2


def test_nothing_new_writes_nothing(store: Store) -> None:
    append(store, [0, 1])
    before = sorted(store.path.rglob("*"))
    append(store, [1, 0])
    assert sorted(store.path.rglob("*")) == before


def test_an_exception_loses_no_row_that_was_appended(store: Store) -> None:
    with pytest.raises(KeyboardInterrupt), store.writer() as writer:
        writer.append(KEYS[:6], rows(list(range(6))))
        raise KeyboardInterrupt
    assert set(store.committed()) == set(KEYS[:6])
    assert_reads(store, list(range(6)))


def test_a_reader_sees_what_another_process_committed(store: Store) -> None:
    append(store, [0])
    reader = Store(store.root, SPEC)
    assert_reads(reader, [0])
    append(store, [1])
    assert_reads(reader, [1, 0])


def test_float32_is_cast_to_the_stored_dtype(store: Store) -> None:
    with store.writer() as writer:
        wide = {name: array.astype(np.float32) for name, array in rows([3]).items()}
        writer.append([KEYS[3]], {**wide, "count": np.array([3])})
    assert_reads(store, [3])


@pytest.mark.parametrize("value", [np.nan, np.inf, -70000.0])
def test_a_value_that_cannot_be_stored_is_refused(store: Store, value: float) -> None:
    values = {**rows([0]), "high": np.full((1, 2, 3), value, np.float32)}
    with pytest.raises(RangeError, match=r"mfcc: array high .* float16"), store.writer() as writer:
        writer.append(KEYS[:1], values)
    assert store.committed() == {}


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("high", np.zeros((1, 2, 4), np.float16)),
        ("high", np.zeros((1, 2, 3), np.int64)),
        ("count", np.zeros(1, np.int16)),
        ("count", np.zeros(1)),
    ],
)
def test_an_array_of_another_shape_or_kind_is_refused(
    store: Store, name: str, array: npt.NDArray[Any]
) -> None:
    with pytest.raises(CacheError, match=f"array {name} holds"), store.writer() as writer:
        writer.append(KEYS[:1], {**rows([0]), name: array})


def test_an_absent_array_is_refused(store: Store) -> None:
    with pytest.raises(CacheError, match="gave nothing"), store.writer() as writer:
        writer.append(KEYS[:1], {"high": rows([0])["high"]})


def test_shards_are_on_disk_before_their_marker_appears(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[tuple[str, str]] = []
    replace = os.replace

    def synced(descriptor: int) -> None:
        events.append(("flushed", Path(f"/proc/self/fd/{descriptor}").readlink().name))

    def renamed(source: Path, target: Path) -> None:
        events.append(("renamed", Path(target).name))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    append(store, [0])
    commit = events.index(("renamed", "000000.json"))
    for folder, shard in (("high", "c.0.0.0"), ("count", "c.0")):
        temporary = ("flushed", f".{shard}.{os.getpid()}.partial")
        assert events.index(temporary) < events.index(("renamed", shard)) < commit
        assert ("flushed", folder) in events[events.index(("renamed", shard)) : commit]
    assert events[commit + 1] == ("flushed", "commits")


def test_every_key_takes_one_row(store: Store) -> None:
    with pytest.raises(CacheError, match="has 1 rows for 2 keys"), store.writer() as writer:
        writer.append(KEYS[:2], rows([0]))


def test_another_schema_is_refused_and_left_alone(store: Store) -> None:
    append(store, [0])
    described = store.path / "zarr.json"
    content = json.loads(described.read_text())
    content["attributes"]["mfsn"]["schema"] = layout.SCHEMA + 1
    described.write_text(json.dumps(content))
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    with pytest.raises(StoreVersionError, match="a newer mfsn wrote this store"):
        store.read(KEYS[:1])
    with pytest.raises(StoreVersionError):
        append(store, [1])
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == before


def test_a_garbled_description_is_one_sentence(store: Store) -> None:
    append(store, [0])
    (store.path / "zarr.json").write_text("{")
    with pytest.raises(CacheError, match="verify --repair` in the checkout that uses it"):
        store.read(KEYS[:1])


def test_a_directory_under_another_name_is_refused(store: Store) -> None:
    append(store, [0])
    other = StoreSpec("mfcc", {"extractor": "mfcc", "version": 2}, ARRAYS)
    store.path.rename(store.root / other.directory)
    with pytest.raises(CacheError, match="does not describe this directory"):
        Store(store.root, other).committed()


def test_an_existing_directory_keeps_its_rows_per_shard(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, [0, 1, 2, 3, 4])
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 2)
    append(store, [5, 6, 7])
    assert_reads(store, list(range(8)))
    assert sorted(path.name for path in (store.path / "commits").iterdir())[-1] == "000002.json"


@pytest.mark.parametrize(
    ("shape", "expected"), [((149, 768), 512), ((1024, 768), 64), ((1 << 27,), 1), ((), 512)]
)
def test_shards_of_the_largest_array_stay_below_128_mib(
    tmp_path: Path, shape: tuple[int, ...], expected: int
) -> None:
    dims = ("frame", "feature")[: len(shape)]
    large = ArraySpec("large", shape, "float16", dims)
    planned = layout.plan(tmp_path, StoreSpec("sec", {}, (large, ARRAYS[1])))
    assert planned.rows_per_shard == expected


def test_row_keys_depend_on_identity_audio_and_start() -> None:
    other = StoreSpec("mfcc", {"extractor": "mfcc", "version": 2}, ARRAYS)
    wider = StoreSpec("mfcc", SPEC.recipe, ARRAYS[:1])
    keys = {
        SPEC.row_key("a", 0),
        SPEC.row_key("a", 1),
        SPEC.row_key("b", 0),
        other.row_key("a", 0),
        wider.row_key("a", 0),
    }
    assert len(keys) == 5
    assert StoreSpec("mfcc", dict(SPEC.recipe), ARRAYS).row_key("a", 0) in keys
