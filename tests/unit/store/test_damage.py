"""Whatever happens to the bytes of a store: no wrong row, found by verify, mended by repair."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.base.quantities import counted
from mfsn.errors import CacheError, DamagedRowError, MissingRowError
from mfsn.manifest import SEGMENTS, write_table
from mfsn.store import layout, marker
from mfsn.store.digest import Digest
from mfsn.store.owners import register_owner
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify
from mfsn.store.writer import write_shard

ARRAYS = (
    ArraySpec("low", (2, 3), "float16", ("frame", "feature")),
    ArraySpec("high", (2, 3), "float16", ("frame", "feature")),
)
SPEC = StoreSpec("sec", {"extractor": "sec", "version": 1}, ARRAYS)
KEYS = [SPEC.row_key(f"audio {row}", 0) for row in range(10)]
ROW_BYTES = 12
STRIDE = ROW_BYTES + 4
SECOND = set(KEYS[4:8])
"""Rows of shard 1, which all of these damage."""


def rows(numbers: list[int]) -> dict[str, Any]:
    low = np.arange(6, dtype=np.float16).reshape(2, 3) + 10 * np.array(numbers)[:, None, None]
    return {"low": low.astype(np.float16), "high": -low.astype(np.float16)}


def append(store: Store, keys: list[str]) -> None:
    with store.writer() as writer:
        writer.append(keys, rows([KEYS.index(key) for key in keys]))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Ten rows in shards of four."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk is slow, and keeps its power
    store = Store(tmp_path / "store", SPEC)
    append(store, KEYS)
    return store


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def flip_a_row(store: Store) -> None:
    flip(store.path / "high/c.1.0.0", 2 * STRIDE + 5)


def flip_a_checksum(store: Store) -> None:
    flip(store.path / "low/c.1.0.0", 2 * STRIDE + ROW_BYTES + 1)


def flip_the_index(store: Store) -> None:
    flip(store.path / "high/c.1.0.0", 4 * STRIDE + 3)


def zero_the_shard(store: Store) -> None:
    path = store.path / "high/c.1.0.0"
    path.write_bytes(bytes(path.stat().st_size))


def swap_two_shards(store: Store) -> None:
    (store.path / "high/c.1.0.0").write_bytes((store.path / "high/c.0.0.0").read_bytes())


def truncate_the_shard(store: Store) -> None:
    path = store.path / "low/c.1.0.0"
    path.write_bytes(path.read_bytes()[:-1])


def cut_the_shard(store: Store) -> None:
    os.truncate(store.path / "low/c.1.0.0", STRIDE + ROW_BYTES + 1)


def delete_the_shard(store: Store) -> None:
    (store.path / "high/c.1.0.0").unlink()


def delete_the_marker(store: Store) -> None:
    (store.path / "commits/000001.json").unlink()


def cut_the_marker(store: Store) -> None:
    path = store.path / "commits/000001.json"
    path.write_bytes(path.read_bytes()[:100])


def empty_the_marker(store: Store) -> None:
    (store.path / "commits/000001.json").write_text("[]\n")


def forge_the_marker(store: Store) -> None:
    path = store.path / "commits/000001.json"
    content = json.loads(path.read_text())
    content["keys"].reverse()
    path.write_text(json.dumps(content))


def copy_another_marker(store: Store) -> None:
    markers = store.path / "commits"
    (markers / "000001.json").write_bytes((markers / "000000.json").read_bytes())


def bring_a_marker_from_another_store(store: Store) -> None:
    other = Store(store.root, StoreSpec("sec", {"extractor": "sec", "version": 2}, ARRAYS))
    append(other, KEYS)
    content = (other.path / "commits/000001.json").read_bytes()
    (store.path / "commits/000001.json").write_bytes(content)


Damage = Callable[[Store], None]

IN_PLACE: list[tuple[Damage, set[str]]] = [
    (flip_a_row, {KEYS[6]}),
    (flip_a_checksum, {KEYS[6]}),
    (flip_the_index, set()),
    (zero_the_shard, SECOND),
    (swap_two_shards, SECOND),
]
"""Damage that leaves sizes and markers as they are, and the rows that are lost by it."""

VISIBLE: list[Damage] = [
    truncate_the_shard,
    cut_the_shard,
    delete_the_shard,
    delete_the_marker,
    cut_the_marker,
    empty_the_marker,
    forge_the_marker,
    copy_another_marker,
    bring_a_marker_from_another_store,
]
"""Damage after which the markers no longer promise the rows of shard 1."""

ALL = [*IN_PLACE, *((damage, SECOND) for damage in VISIBLE)]

SALVAGED: dict[Damage, set[str]] = {truncate_the_shard: set(), cut_the_shard: set(KEYS[5:8])}
"""Damage that hides the whole shard from readers, of which repair loses so much."""


def readable(store: Store) -> set[str]:
    """Keys that can be read; every row that is read must be the right one."""
    found = set()
    for number, key in enumerate(KEYS):
        try:
            read = store.read([key])
        except (MissingRowError, DamagedRowError):
            continue
        for name, expected in rows([number]).items():
            np.testing.assert_array_equal(read[name], expected)
        found.add(key)
    return found


@pytest.mark.parametrize(("damage", "lost"), ALL)
def test_no_wrong_row_is_ever_read(store: Store, damage: Damage, lost: set[str]) -> None:
    damage(store)
    assert readable(Store(store.root, SPEC)) >= set(KEYS) - lost
    assert readable(store) >= set(KEYS) - lost  # markers read before the damage


@pytest.mark.parametrize(("damage", "lost"), ALL)
def test_repair_leaves_exactly_the_lost_rows_to_be_computed(
    store: Store, damage: Damage, lost: set[str]
) -> None:
    damage(store)
    verify(store.root, repair=True)
    missing = store.missing(KEYS)
    assert set(missing) == SALVAGED.get(damage, lost)
    append(store, missing)
    assert readable(Store(store.root, SPEC)) == set(KEYS)
    assert verify(store.root, extractor="sec").is_sound


@pytest.mark.parametrize("damage", [damage for damage, _ in IN_PLACE])
def test_verify_finds_what_the_markers_do_not_show(store: Store, damage: Damage) -> None:
    assert verify(store.root).is_sound
    damage(store)
    report = verify(store.root)
    assert [problem.where for problem in report.problems] == [f"{SPEC.directory}: shard 1"]
    assert "`mfsn cache verify --repair`" in report.sentences()[0]
    assert verify(store.root) == report  # without repair nothing is changed


OF_SHARDS = (truncate_the_shard, cut_the_shard, delete_the_shard)


@pytest.mark.parametrize("damage", [d for d in VISIBLE if d not in (*OF_SHARDS, delete_the_marker)])
def test_verify_names_a_marker_that_does_not_count(store: Store, damage: Damage) -> None:
    damage(store)
    problems = [p for p in verify(store.root).problems if p.where == SPEC.directory]
    assert len(problems) == 1
    assert "commit marker 000001.json does not count" in problems[0].what
    assert "`mfsn cache verify --repair`" in problems[0].remedy


@pytest.mark.parametrize("damage", OF_SHARDS)
def test_verify_says_how_much_of_a_shard_is_left(store: Store, damage: Damage) -> None:
    damage(store)
    (problem,) = verify(store.root).problems
    said: dict[Damage, str] = {
        truncate_the_shard: "the index of low not as written",
        cut_the_shard: "3 rows of low not as written, the index of low not as written",
        delete_the_shard: "the shard of high with 4 rows is missing",
    }
    assert (problem.where, problem.what) == (f"{SPEC.directory}: shard 1", said[damage])


def test_verify_finds_a_missing_marker_without_a_digest(store: Store) -> None:
    delete_the_marker(store)
    found = [problem.where for problem in verify(store.root).problems]
    assert found == [f"{SPEC.directory}/{array}/c.1.0.0" for array in ("low", "high")]


def test_verify_finds_rows_that_stand_twice(store: Store) -> None:
    twice(store, KEYS[4:7])
    (problem,) = verify(store.root).problems
    assert problem.what == "3 rows in another shard as well"
    verify(store.root, repair=True)
    assert verify(store.root).is_sound
    assert verify(store.root).rows == len(KEYS)
    assert readable(store) == set(KEYS)


def twice(store: Store, keys: list[str]) -> None:
    """Commit rows once more, as a kill between the two halves of a repair leaves them."""
    found = layout.load(store.path)
    assert found is not None
    marker.write(found, write_shard(found, 3, keys, rows([KEYS.index(key) for key in keys])))
    layout.make_room(found, 4 * 3 + len(keys))


@pytest.mark.parametrize("text", ["", "{}", '{"shape": [1]}'])
def test_a_damaged_description_of_an_array_is_found_and_written_anew(
    store: Store, text: str
) -> None:
    path = store.path / "low/zarr.json"
    before = path.read_bytes()
    path.write_text(text)
    assert readable(store) == set(KEYS)
    (problem,) = verify(store.root).problems
    assert problem.where == f"{SPEC.directory}/low/zarr.json"
    verify(store.root, repair=True)
    assert path.read_bytes() == before
    assert verify(store.root).is_sound


def test_a_writer_mends_the_description_of_an_array(store: Store) -> None:
    path = store.path / "low/zarr.json"
    path.write_text("{ broken")
    key = SPEC.row_key("another", 0)
    with store.writer() as writer:
        writer.append([key], rows([0]))
    assert json.loads(path.read_text())["shape"][0] == 13


def test_a_running_writer_has_left_nothing_behind(store: Store) -> None:
    with store.writer():
        (store.path / "low/c.3.0.0").write_bytes(b"half")
        assert verify(store.root).is_sound
    assert not verify(store.root).is_sound


@pytest.mark.parametrize("claims", [1, 3])
def test_a_forged_marker_cannot_claim_rows_that_do_not_exist(store: Store, claims: int) -> None:
    """Two more rows fit the last shard; a third one fits no shard at all."""
    found = layout.load(store.path)
    assert found is not None
    (*_, last), _ = marker.read_all(found)
    claimed = [SPEC.row_key(f"never computed {number}", 0) for number in range(claims)]
    sums = {name: (*values, *[0] * claims) for name, values in last.checksums.items()}
    marker.write(found, replace(last, keys=(*last.keys, *claimed), checksums=sums))
    for key in claimed:
        with pytest.raises(DamagedRowError):
            store.read([key])
    of_shard, *_ = verify(store.root).problems
    assert f"{counted(claims, 'row')} of low not as written" in of_shard.what
    verify(store.root, repair=True)
    assert verify(store.root).is_sound
    assert set(store.committed()) == readable(store) == set(KEYS)


@pytest.mark.parametrize("spoil", ["keys", "checksums"])
def test_a_forged_marker_that_contradicts_itself_does_not_count(store: Store, spoil: str) -> None:
    found = layout.load(store.path)
    assert found is not None
    (first, *_), _ = marker.read_all(found)
    forged = {
        "keys": replace(first, keys=(first.keys[0], *first.keys[:3])),
        "checksums": replace(first, checksums={"low": first.checksums["low"]}),
    }
    marker.write(found, forged[spoil])
    assert readable(Store(store.root, SPEC)) == set(KEYS[4:])
    assert "cannot be read" in verify(store.root).problems[0].what


@pytest.mark.parametrize("damage", VISIBLE)
def test_the_next_writer_drops_the_commit_and_takes_the_rows_again(
    store: Store, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    damage(store)
    reopened = Store(store.root, SPEC)
    assert set(reopened.missing(KEYS)) == SECOND
    with caplog.at_level(logging.WARNING):
        append(reopened, reopened.missing(KEYS))
    assert ("000001.json is dropped" in caplog.text) == (damage != delete_the_marker)
    assert ("(4 rows)" in caplog.text) == (damage in OF_SHARDS)
    assert readable(reopened) == set(KEYS)


def test_a_damaged_row_names_the_commands_that_replace_it(store: Store) -> None:
    flip_a_row(store)
    expected = "1 row not as written.*verify --repair` removes.*`dvc repro` then computes"
    with pytest.raises(DamagedRowError, match=expected):
        store.read(KEYS)


def test_a_shard_that_vanishes_under_a_reader_is_a_missing_row(store: Store) -> None:
    store.read(KEYS)
    delete_the_shard(store)
    with pytest.raises(MissingRowError, match="4 of 10 rows not in the store"):
        store.read(KEYS)


def test_missing_rows_name_the_repair_where_their_shard_is_damaged(store: Store) -> None:
    truncate_the_shard(store)
    named = r"4 of 10 rows not in .*low/c.1.0.0 \(4 rows\) has 131 bytes.*verify --repair` removes"
    with pytest.raises(MissingRowError, match=named):
        store.read(KEYS)


def test_missing_rows_do_not_blame_a_shard_of_others(store: Store) -> None:
    truncate_the_shard(store)
    store.missing(KEYS)
    assert "verify --repair" in store.why_lost(KEYS[4:5])
    assert "(they were deleted, or MFSN_STORE names" in store.why_lost(KEYS[:4])


@pytest.mark.parametrize("leftover", ["high/c.3.0.0", "low/c.9.0.0", "high/.c.3.0.0.7.partial"])
def test_what_a_killed_writer_left_is_removed(store: Store, leftover: str) -> None:
    path = store.path / leftover
    path.write_bytes(b"half")
    assert readable(Store(store.root, SPEC)) == set(KEYS)
    (problem,) = verify(store.root).problems
    assert problem.where == f"{SPEC.directory}/{leftover}"
    append(store, KEYS)
    assert not path.exists()
    assert verify(store.root).is_sound


def test_verify_counts_what_it_read(store: Store) -> None:
    report = verify(store.root)
    assert (report.shards, report.rows, report.problems) == (3, 10, ())
    assert report.sentences() == ["10 rows in 3 shards read, 0 problems"]


def test_verify_can_look_at_one_extractor(store: Store) -> None:
    flip_a_row(store)
    assert verify(store.root, extractor="tec").shards == 0
    assert not verify(store.root, extractor="sec").is_sound


def test_verify_goes_on_after_a_directory_that_cannot_be_opened(store: Store) -> None:
    other = Store(store.root, StoreSpec("mfcc", {}, ARRAYS))
    append(other, KEYS)
    (other.path / "zarr.json").write_text("{}")
    report = verify(store.root)
    assert report.rows == 10
    assert [problem.where for problem in report.problems] == [other.spec.directory]


def test_verify_finds_rows_that_a_digest_names_and_nobody_has(store: Store) -> None:
    checkout = store.root.parent / "checkout"
    digest = Digest.of(SPEC, {}, {f"u{row}#0": key for row, key in enumerate(KEYS)})
    digest.write(checkout / "sec.json")
    register_owner(store.root, checkout, Path("sec.json"), digest.store)
    assert verify(store.root).is_sound
    delete_the_marker(store)
    *_, problem = verify(store.root).problems
    assert problem.what == f"it names 4 rows not in {SPEC.directory}"
    assert problem.remedy.startswith(f"`dvc repro` in {checkout} computes them")


def test_verify_finds_a_digest_whose_directory_was_deleted(store: Store) -> None:
    checkout = store.root.parent / "checkout"
    Digest.of(SPEC, {}, {"u#0": KEYS[0]}).write(checkout / "sec.json")
    register_owner(store.root, checkout, Path("sec.json"), SPEC.directory)
    store.path.rename(checkout / "away")
    assert "it names 1 row not in" in verify(store.root).problems[0].what


def test_verify_asks_the_digest_which_rows_it_names(store: Store) -> None:
    """DVC restores a digest of an earlier run without telling the store."""
    other = StoreSpec("sec", {"extractor": "sec", "version": 2}, ARRAYS)
    checkout = store.root.parent / "checkout"
    Digest.of(SPEC, {}, {"u#0": KEYS[0], "u#1": KEYS[5]}).write(checkout / "sec.json")
    register_owner(store.root, checkout, Path("sec.json"), other.directory)
    assert verify(store.root).is_sound
    delete_the_marker(store)
    *_, problem = verify(store.root).problems
    assert problem.what == f"it names 1 row not in {SPEC.directory}"


def test_verify_reports_lost_rows_once_whatever_was_tried_in_between(store: Store) -> None:
    other = StoreSpec("sec", {"extractor": "sec", "version": 2}, ARRAYS)
    checkout = store.root.parent / "checkout"
    Digest.of(SPEC, {}, {"u#0": KEYS[5]}).write(checkout / "sec.json")
    for directory in (SPEC.directory, other.directory):
        register_owner(store.root, checkout, Path("sec.json"), directory)
    delete_the_marker(store)
    named = [p for p in verify(store.root).problems if p.where == str(checkout / "sec.json")]
    assert len(named) == 1


def test_verify_finds_the_directory_of_a_segment_table_by_its_keys(tmp_path: Path) -> None:
    """segment.duration_s 3, 2, 3: the last table is restored while the note says 2."""
    seconds = {n: StoreSpec("waveform", {"duration_s": n}, ARRAYS) for n in (2, 3)}
    for spec in seconds.values():
        with Store(tmp_path / "store", spec).writer() as writer:
            writer.append([spec.row_key("sha", 0)], rows([0]))
        register_owner(tmp_path / "store", tmp_path, Path("segments.parquet"), spec.directory)
    write_segments(tmp_path / "segments.parquet", [seconds[3].row_key("sha", 0)])
    for path in (tmp_path / "store/owners").glob("*.json"):
        if seconds[3].directory in path.read_text():
            path.unlink()
    assert verify(tmp_path / "store").is_sound
    (tmp_path / "store" / seconds[3].directory).rename(tmp_path / "away")
    (problem,) = verify(tmp_path / "store").problems
    assert problem.what == "it names 1 row not in waveform"
    assert f"in {tmp_path} computes" in problem.remedy


def write_segments(path: Path, keys: list[str]) -> None:
    table = [(f"a#{i}", "a", i, i, 5, 0, "sha", key) for i, key in enumerate(keys)]
    write_table(path, pd.DataFrame(table, columns=SEGMENTS.names), SEGMENTS)


def test_verify_names_a_digest_that_cannot_be_read(store: Store) -> None:
    checkout = store.root.parent / "checkout"
    checkout.mkdir()
    (checkout / "sec.json").write_text("{ broken")
    register_owner(store.root, checkout, Path("sec.json"), SPEC.directory)
    assert verify(store.root).problems[0].what == "its rows cannot be compared"


def test_a_store_that_does_not_exist_is_sound(tmp_path: Path) -> None:
    assert verify(tmp_path / "nowhere").is_sound


def test_repair_waits_for_no_writer(store: Store) -> None:
    flip_a_row(store)
    with store.writer(), pytest.raises(CacheError, match="another process is writing"):
        verify(store.root, repair=True)
    assert not verify(store.root).is_sound


def test_files_of_others_in_an_array_are_no_shards(store: Store) -> None:
    for name in ("c.backup", "c.", "c.x.0.0"):
        (store.path / "low" / name).write_text("not ours")
    append(store, KEYS)
    assert set(store.committed()) == set(KEYS)
    assert verify(store.root).is_sound


def test_a_marker_under_a_shorter_name_does_not_count(store: Store) -> None:
    (store.path / "commits/000001.json").rename(store.path / "commits/1.json")
    assert set(KEYS) - set(store.committed()) == SECOND
    assert not verify(store.root).is_sound
