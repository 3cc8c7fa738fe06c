"""Descriptions that are written anew, and what a repair leaves alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from mfsn.errors import CacheError, StoreBusyError, StoreVersionError
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.lock import exclusive
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.repair import describe_again
from mfsn.store.upkeep.verify import verify

ARRAYS = (
    ArraySpec("low", (2,), "float32", ("feature",)),
    ArraySpec("high", (2,), "float32", ("feature",)),
)
SPEC = StoreSpec("sec", {"extractor": "sec", "version": 1}, ARRAYS)
OTHER = StoreSpec("sec", {"extractor": "sec", "version": 2}, ARRAYS)
ABOUT = {"config": {"model": "random/toy"}, "weights": "random weights"}
KEYS = [SPEC.row_key(str(row), 0) for row in range(6)]
ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)
DIGEST = Digest.of(SPEC, ABOUT, {f"u{row}#0": key for row, key in enumerate(KEYS)})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Six rows, four a shard."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    store = Store(tmp_path / "store", SPEC)
    with store.writer(ABOUT) as writer:
        writer.append(KEYS, {"low": ROWS, "high": -ROWS})
    return store


def files(store: Store) -> dict[str, bytes]:
    paths = [path for path in store.path.rglob("*") if path.is_file()]
    return {path.relative_to(store.path).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"attributes": {"mfsn": {"schema": 1}}}'])
def test_a_description_comes_back_as_it_was(store: Store, text: str | None) -> None:
    before = files(store)
    (store.path / "zarr.json").unlink()
    if text is not None:
        (store.path / "zarr.json").write_text(text)
        with pytest.raises(CacheError, match="its rows are kept"):
            Store(store.root, SPEC).committed()
    assert describe_again(store.root, DIGEST)
    assert files(store) == before


@pytest.mark.parametrize("number", [2, 400])
def test_a_wrong_number_of_rows_a_shard_is_put_right(store: Store, number: int) -> None:
    before = files(store)
    described = store.path / "zarr.json"
    text = described.read_text()
    described.write_text(text.replace('"rows_per_shard": 4', f'"rows_per_shard": {number}'))
    np.testing.assert_array_equal(Store(store.root, SPEC).read(KEYS)["low"], ROWS)
    assert not verify(store.root).is_sound
    assert describe_again(store.root, DIGEST)
    assert files(store) == before


def test_a_sound_description_is_left_alone(store: Store) -> None:
    (store.path / "low/zarr.json").write_text("{")
    before = files(store)
    assert not describe_again(store.root, DIGEST)
    assert files(store) == before


def test_a_directory_under_a_wrong_name_is_left_alone(store: Store) -> None:
    store.path.rename(store.root / OTHER.directory)
    before = files(Store(store.root, OTHER))
    assert not describe_again(store.root, Digest.of(OTHER, {}, {}))
    assert not verify(store.root, repair=True).is_sound
    assert files(Store(store.root, OTHER)) == before


def test_no_directory_is_made(tmp_path: Path) -> None:
    assert not describe_again(tmp_path, DIGEST)
    assert not (tmp_path / SPEC.directory).exists()


def test_what_a_newer_release_wrote_is_left_alone(store: Store) -> None:
    described = store.path / "zarr.json"
    described.write_text(described.read_text().replace('"schema": 2', '"schema": 3'))
    before = files(store)
    with pytest.raises(StoreVersionError):
        describe_again(store.root, DIGEST)
    assert files(store) == before


def test_nothing_is_written_beside_another_writer(store: Store) -> None:
    (store.path / "zarr.json").write_text("{")
    with exclusive(store.path), pytest.raises(StoreBusyError):
        describe_again(store.root, DIGEST)


def test_rows_that_are_whole_are_not_written_again(store: Store) -> None:
    shard = store.path / "low/c.0.0"
    shard.write_bytes(bytes([shard.read_bytes()[0] ^ 1]) + shard.read_bytes()[1:])
    untouched = {name: content for name, content in files(store).items() if "1" in name}
    verify(store.root, repair=True)
    assert untouched.items() <= files(store).items()
    assert store.missing(KEYS) == KEYS[:1]
    assert json.loads((store.path / "commits/000002.json").read_text())["keys"] == KEYS[1:4]


def test_what_a_cluster_left_is_found_and_removed(store: Store) -> None:
    (store.path / ".staging" / "low").mkdir(parents=True)
    (problem,) = verify(store.root).problems
    assert problem.where == f"{SPEC.directory}/.staging"
    verify(store.root, repair=True)
    assert not (store.path / ".staging").exists()
    assert verify(store.root).is_sound
