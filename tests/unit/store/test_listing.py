"""What `mfsn cache ls` shows, and who needs which rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mfsn.base import files
from mfsn.errors import CacheError, StoreVersionError
from mfsn.manifest import SEGMENTS, write_table
from mfsn.store.digest import Digest
from mfsn.store.owners import owners, register_owner
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.listing import list_store
from mfsn.workspace import OWN_STAGE


def spec(extractor: str, version: int = 1) -> StoreSpec:
    arrays = (
        ArraySpec("low", (2,), "float16", ("feature",)),
        ArraySpec("high", (2,), "float16", ("feature",)),
    )
    return StoreSpec(extractor, {"extractor": extractor, "version": version}, arrays)


def fill(root: Path, wanted: StoreSpec, rows: int) -> Store:
    store = Store(root, wanted)
    values = np.zeros((rows, 2), np.float16)
    with store.writer({"weights": "random weights"}) as writer:
        keys = [wanted.row_key(str(row), 0) for row in range(rows)]
        writer.append(keys, {"low": values, "high": values})
    return store


def test_no_store_is_an_empty_list(tmp_path: Path) -> None:
    assert list_store(tmp_path / "nowhere") == []


def test_entries_say_what_is_there(tmp_path: Path) -> None:
    for wanted, rows in ((spec("sec"), 3), (spec("sec", 2), 0), (spec("mfcc"), 2)):
        fill(tmp_path, wanted, rows)
    entries = {entry.directory: entry for entry in list_store(tmp_path)}
    assert list(entries) == sorted([spec("mfcc").directory, *_directories("sec", 1, 2)])
    entry = entries[spec("sec").directory]
    shards = list((tmp_path / entry.directory).glob("*/c.*"))
    assert (entry.extractor, entry.rows) == ("sec", 3)
    assert entry.bytes == sum(path.stat().st_size for path in shards)
    assert entry.about == {"weights": "random weights"}
    assert entry.recipe == {"extractor": "sec", "version": 1}
    assert [array.name for array in entry.arrays] == ["low", "high"]
    assert entry.levels == "low high: 2 float16"
    assert entries[spec("sec", 2).directory].rows == 0


def _directories(extractor: str, *versions: int) -> list[str]:
    return [spec(extractor, version).directory for version in versions]


def test_entries_name_the_checkouts_that_use_them(tmp_path: Path) -> None:
    fill(tmp_path, spec("sec"), 1)
    for checkout in ("b", "a", "a"):
        register_owner(tmp_path, tmp_path / checkout, Path("sec.json"), spec("sec").directory)
    register_owner(tmp_path, tmp_path / "c", Path("mfcc.json"), spec("mfcc").directory)
    (entry,) = list_store(tmp_path)
    assert entry.users == (str(tmp_path / "a"), str(tmp_path / "b"))


def test_another_schema_is_not_passed_over(tmp_path: Path) -> None:
    described = fill(tmp_path, spec("sec"), 1).path / "zarr.json"
    described.write_text(described.read_text().replace('"schema": 2', '"schema": 99'))
    with pytest.raises(StoreVersionError):
        list_store(tmp_path)


def test_an_owner_names_the_rows_of_its_digest(tmp_path: Path) -> None:
    Digest.of(spec("sec"), {}, {"a#0": "k0", "b#0": "k1"}).write(tmp_path / "sec.json")
    register_owner(tmp_path, tmp_path, Path("sec.json"), spec("sec").directory)
    (owner,) = owners(tmp_path)
    assert owner.extractor == "sec"
    assert owner.named_now(tmp_path) == (spec("sec").directory, {"k0", "k1"})


def test_an_owner_of_waves_names_the_rows_of_its_segment_table(tmp_path: Path) -> None:
    for version in (1, 2):
        fill(tmp_path, spec("waveform", version), 1)
    keys = write_segments(tmp_path / "segments.parquet", spec("waveform", 2))
    register_owner(tmp_path, tmp_path, Path("segments.parquet"), spec("waveform").directory)
    (owner,) = owners(tmp_path)
    assert owner.named_now(tmp_path) == (spec("waveform", 2).directory, keys)


def test_waves_of_a_deleted_directory_are_those_of_none(tmp_path: Path) -> None:
    fill(tmp_path, spec("waveform"), 1)
    keys = write_segments(tmp_path / "segments.parquet", spec("waveform", 2))
    register_owner(tmp_path, tmp_path, Path("segments.parquet"), spec("waveform", 2).directory)
    (owner,) = owners(tmp_path)
    assert owner.named_now(tmp_path) == ("waveform", keys)


def write_segments(path: Path, wanted: StoreSpec) -> set[str]:
    """A segment table of two waves; returns their keys."""
    keys = [wanted.row_key("sha", start) for start in (0, 9)]
    rows = [(f"a#{i}", "a", i, 9 * i, 5, 0, "sha", key) for i, key in enumerate(keys)]
    write_table(path, pd.DataFrame(rows, columns=SEGMENTS.names), SEGMENTS)
    return set(keys)


def test_a_digest_that_moved_on_names_what_it_names_now(tmp_path: Path) -> None:
    Digest.of(spec("sec", 2), {}, {"a#0": "k0"}).write(tmp_path / "sec.json")
    register_owner(tmp_path, tmp_path, Path("sec.json"), spec("sec").directory)
    (owner,) = owners(tmp_path)
    assert owner.named_now(tmp_path) == (spec("sec", 2).directory, {"k0"})


def test_a_digest_that_went_away_needs_no_rows(tmp_path: Path) -> None:
    register_owner(tmp_path, tmp_path, Path("gone.json"), spec("sec").directory)
    (owner,) = owners(tmp_path)
    assert owner.named_now(tmp_path) == (spec("sec").directory, set())


def test_a_note_stays_when_another_directory_is_registered(tmp_path: Path) -> None:
    for version in (1, 2, 1):
        register_owner(tmp_path, tmp_path, Path("sec.json"), spec("sec", version).directory)
    assert sorted(owner.store for owner in owners(tmp_path)) == sorted(_directories("sec", 1, 2))


def test_a_note_that_cannot_be_read_is_named_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register_owner(tmp_path, tmp_path, Path("sec.json"), spec("sec").directory)
    (tmp_path / "owners" / "0000.json").write_text("{")
    assert len(list(owners(tmp_path))) == 1
    assert "0000.json cannot be read" in caplog.text


def test_a_digest_that_dvc_links_to_its_cache_is_noted_where_it_lies(tmp_path: Path) -> None:
    """DVC's `cache.type symlink`; its cache may lie outside of the checkout."""
    store, checkout = tmp_path / "store", tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "dvc.yaml").write_text(OWN_STAGE)
    made = fill(store, spec("sec"), 1)
    Digest.of(spec("sec"), {}, {"a#0": next(iter(made.committed()))}).write(tmp_path / "cached")
    (checkout / "sec.json").symlink_to(tmp_path / "cached")
    FeatureReader.open(checkout / "sec.json", store)
    assert [owner.digest for owner in owners(store)] == ["sec.json"]


def test_a_note_that_is_forgotten_at_this_moment_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for checkout in ("a", "b"):
        register_owner(tmp_path, tmp_path / checkout, Path("sec.json"), spec("sec").directory)
    read = files.read_json

    def forget_then_read(path: Path) -> object:
        if "/a" in path.read_text():
            path.unlink()
        return read(path)

    monkeypatch.setattr(files, "read_json", forget_then_read)
    assert [owner.checkout for owner in owners(tmp_path)] == [str(tmp_path / "b")]


@pytest.mark.parametrize("note", ["[]", "3", '{"checkout": 3, "digest": "d", "store": "s/t"}'])
def test_a_note_that_is_none_is_named_and_passed_over(
    tmp_path: Path, note: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "owners").mkdir()
    (tmp_path / "owners" / "0.json").write_text(note)
    assert list(owners(tmp_path)) == []
    assert "0.json cannot be read" in caplog.text


@pytest.mark.parametrize("recipe", ["text", ["a"], 3, None])
def test_a_recipe_that_is_none_is_one_sentence(tmp_path: Path, recipe: object) -> None:
    described = fill(tmp_path, spec("sec"), 1).path / "zarr.json"
    content = files.read_json(described)
    content["attributes"]["mfsn"]["recipe"] = recipe
    files.write_json(described, content)
    with pytest.raises(CacheError, match="does not describe this directory"):
        list_store(tmp_path)
