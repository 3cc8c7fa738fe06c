"""Digests, and reading features through them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfsn.errors import CacheError, DamagedRowError, MissingRowError
from mfsn.store.digest import Digest
from mfsn.store.owners import rows_named
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import NOTHING

SPEC = StoreSpec(
    "mfcc",
    {"extractor": "mfcc", "version": 1, "parameters": {"hop_ms": 10.0}},
    (ArraySpec("mfcc", (2, 3), "float32", ("frame", "coefficient")),),
)
IDS = ["b#0", "a#1", "a#0"]
ROWS = {name: SPEC.row_key(name[0], int(name[2])) for name in IDS}
DIGEST = Digest.of(SPEC, {"config": {"hop_ms": 10.0}, "weights": "none"}, ROWS)
VALUES = np.arange(18, dtype=np.float32).reshape(3, 2, 3)


@pytest.fixture
def opened(tmp_path: Path) -> FeatureReader:
    """A reader of three rows."""
    with Store(tmp_path / "store", SPEC).writer() as writer:
        writer.append(list(ROWS.values()), {"mfcc": VALUES})
    DIGEST.write(tmp_path / "mfcc.json")
    return FeatureReader.open(tmp_path / "mfcc.json", tmp_path / "store")


def test_a_digest_comes_back_as_it_was(tmp_path: Path) -> None:
    DIGEST.write(tmp_path / "mfcc.json")
    assert Digest.read(tmp_path / "mfcc.json") == DIGEST
    assert Digest.read(tmp_path / "mfcc.json").spec == SPEC


def test_the_bytes_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    DIGEST.write(tmp_path / "one.json")
    backwards = dict(reversed(ROWS.items()))
    replace(DIGEST, rows=backwards).write(tmp_path / "other.json")
    text = (tmp_path / "one.json").read_text()
    assert text == (tmp_path / "other.json").read_text()
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    assert [line for line in lines if "#" in line] == [f'"{n}": "{ROWS[n]}"' for n in sorted(IDS)]


FOLDS = {fold: {name: SPEC.row_key(f"{fold}{name}", 0) for name in IDS} for fold in ("two", "one")}


def test_rows_per_fold_come_back_as_they_were(tmp_path: Path) -> None:
    digest = Digest.of(SPEC, {}, {}, FOLDS)
    digest.write(tmp_path / "mfcc.json")
    again = Digest.read(tmp_path / "mfcc.json")
    assert again == digest
    assert again.rows_of("one") == FOLDS["one"]
    assert again.ids == sorted(IDS)
    assert sorted(again.keys) == sorted(key for rows in FOLDS.values() for key in rows.values())


def test_without_folds_a_digest_has_the_fields_that_it_always_had(tmp_path: Path) -> None:
    DIGEST.write(tmp_path / "mfcc.json")
    content = json.loads((tmp_path / "mfcc.json").read_text())
    assert set(content) == {"schema", "extractor", "store", "recipe", "arrays", "about", "rows"}
    assert DIGEST.rows_of("any fold") == DIGEST.rows_of() == ROWS
    assert (sorted(DIGEST.keys), DIGEST.ids) == (sorted(ROWS.values()), sorted(ROWS))


def test_a_fold_that_has_no_rows_is_named() -> None:
    digest = Digest.of(SPEC, {}, {}, FOLDS)
    with pytest.raises(CacheError, match="mfcc has no rows for fold three, only for one, two; run"):
        digest.rows_of("three")
    with pytest.raises(CacheError, match=r"every fold \(one, two\), and they can only be read for"):
        digest.rows_of()


def test_a_reader_gives_the_rows_of_its_fold(tmp_path: Path) -> None:
    with Store(tmp_path / "store", SPEC).writer() as writer:
        for number, rows in enumerate(FOLDS.values()):
            writer.append(list(rows.values()), {"mfcc": VALUES + 100 * number})
    path = tmp_path / "mfcc.json"
    Digest.of(SPEC, {}, {}, FOLDS).write(path)
    for number, fold in enumerate(FOLDS):
        reader = FeatureReader.open(path, tmp_path / "store", fold)
        assert reader.ids == sorted(IDS)
        found = reader.read(IDS[1:])["mfcc"]
        np.testing.assert_array_equal(found, VALUES[1:] + 100 * number)
    with pytest.raises(CacheError, match="can only be read for one of them"):
        FeatureReader.open(path, tmp_path / "store")


def test_owners_name_the_rows_of_all_folds(tmp_path: Path) -> None:
    Digest.of(SPEC, {}, {}, FOLDS).write(tmp_path / "mfcc.json")
    _, keys = rows_named(tmp_path / "mfcc.json", "mfcc", tmp_path / "store")
    assert keys == {key for rows in FOLDS.values() for key in rows.values()}


def test_a_missing_digest_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="is missing; run `dvc repro`"):
        Digest.read(tmp_path / "mfcc.json")


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"store": "mfcc/0123456789ab"},
        {"recipe": {"extractor": "mfcc", "version": 2}},
        {"arrays": [{"name": "mfcc", "shape": [2, 3], "dtype": "object", "dims": []}]},
        {"rows": ["a#0"]},
        {"folds": {"one": ["a#0"]}},
        {"folds": {"one": {"a#0": "0"}}},
        {"extractor": "../mfcc"},
    ],
)
def test_a_digest_that_contradicts_itself_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "mfcc.json"
    DIGEST.write(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(CacheError, match="is not a digest of this version"):
        Digest.read(path)


def test_a_digest_of_what_was_not_extracted_says_so(tmp_path: Path) -> None:
    (tmp_path / "mfcc.json").write_text(NOTHING)
    with pytest.raises(CacheError, match="mfcc was not extracted, because the system"):
        Digest.read(tmp_path / "mfcc.json")


@pytest.mark.parametrize("text", ["{{{{", "[[]]", "null", "{  }", '"mfcc"', "\xff" * 4])
def test_a_garbled_digest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mfcc.json").write_text(text, encoding="latin-1")
    with pytest.raises(CacheError, match="is not a digest"):
        Digest.read(tmp_path / "mfcc.json")


def test_rows_are_read_by_id(opened: FeatureReader) -> None:
    assert opened.ids == ["a#0", "a#1", "b#0"]
    read = opened.read(["a#0", "b#0", "a#0"])["mfcc"]
    np.testing.assert_array_equal(read, VALUES[[2, 0, 2]])


def test_an_id_that_the_digest_does_not_name(opened: FeatureReader) -> None:
    with pytest.raises(MissingRowError, match=r"no row for c#0 \(and 1 more\); run `dvc repro`"):
        opened.read(["a#0", "c#0", "d#0"])


def test_opening_fails_when_the_store_lacks_a_row(tmp_path: Path, opened: FeatureReader) -> None:
    lacking = {**ROWS, "c#0": SPEC.row_key("c", 0)}
    replace(DIGEST, rows=lacking).write(tmp_path / "mfcc.json")
    with pytest.raises(MissingRowError, match=r"names 1 row not in.*`dvc repro` computes them"):
        FeatureReader.open(tmp_path / "mfcc.json", tmp_path / "store")


def test_opening_fails_when_the_store_is_gone(tmp_path: Path, opened: FeatureReader) -> None:
    with pytest.raises(MissingRowError, match=r"names 3 rows.*MFSN_STORE"):
        FeatureReader.open(tmp_path / "mfcc.json", tmp_path / "elsewhere")


def test_a_damaged_row_is_not_given_out(tmp_path: Path, opened: FeatureReader) -> None:
    path = tmp_path / "store" / SPEC.directory / "mfcc" / "c.0.0.0"
    content = bytearray(path.read_bytes())
    content[0] ^= 128
    path.write_bytes(content)
    with pytest.raises(DamagedRowError):
        opened.read(["b#0"])
    np.testing.assert_array_equal(opened.read(["a#1"])["mfcc"], VALUES[[1]])
