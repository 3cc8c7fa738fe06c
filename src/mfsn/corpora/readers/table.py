"""A user's own recordings, described by one table in the corpus folder."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mfsn.corpora.base import Utterance, refuse
from mfsn.corpora.facts import CorpusFacts
from mfsn.errors import CorpusError

REQUIRED = ("path", "emotion")
TEXTS = ("utterance_id", "speaker", "session", "gender", "transcript", "split", "licence")
NUMBERS = ("valence", "arousal", "dominance")
CHOICES = {"gender": ("female", "male"), "split": ("train", "dev", "test")}
BEYOND = "cells beyond the last column"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Reader of table.csv (UTF-8) or table.parquet.

    The columns path (relative to the corpus folder) and emotion are required. Optional columns are
    utterance_id (default: the path without its ending), speaker, session, gender (female, male),
    transcript, valence, arousal, dominance, split (train, dev, test) and licence. An empty cell is
    a missing value.
    """

    facts: CorpusFacts

    def files(self, root: Path) -> list[str]:
        """The table and the recordings that it names; empty if there is no table.

        Raises:
            CorpusError: if the table cannot be read, lacks a required column, has an unknown one,
                or names recordings that are not in the corpus folder.
        """
        table = _find(root)
        if table is None:
            return []
        paths = {_path(row) for row in _rows(table) if "path" in row}
        refuse(
            sorted(path for path in paths if not _lies_below(root, path)),
            f"{table} names recordings that are not in {root}",
            "the column path must contain paths relative to this folder, with forward slashes",
        )
        return sorted({*paths, table.name})

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per row.

        Raises:
            CorpusError: in the same cases as `files`, and if cells contain values that are not
                allowed. One message lists all such cells.
        """
        table = _find(root)
        rows = _rows(table) if table else []
        scanned = set(files)
        refuse(
            [
                f"row {number} ({problem})"
                for number, row in enumerate(rows, start=1)
                for problem in _problems(row, scanned)
            ],
            f"{table} has cells that cannot be used",
            "correct them (row 1 is the first one below the column names)",
        )
        return [self._utterance(row) for row in rows]

    def _utterance(self, row: Row) -> Utterance:
        path = _path(row)
        fields: dict[str, Any] = {
            "utterance_id": PurePosixPath(path).with_suffix("").as_posix(),
            "licence": self.facts.licence,
        }
        fields |= {name: str(row[name]) for name in TEXTS if name in row}
        fields |= {name: float(row[name]) for name in NUMBERS if name in row}
        return Utterance(path=path, emotion=str(row["emotion"]), **fields)


def _find(root: Path) -> Path | None:
    tables = [root / name for name in ("table.csv", "table.parquet") if (root / name).is_file()]
    if len(tables) > 1:
        raise CorpusError(f"{root} contains both table.csv and table.parquet; remove one of them")
    return tables[0] if tables else None


def _rows(table: Path) -> list[Row]:
    columns, rows = _read_csv(table) if table.suffix == ".csv" else _read_parquet(table)
    _check_columns(table, columns)
    return [{name: cell for name, cell in row.items() if not _is_missing(cell)} for row in rows]


def _read_csv(table: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey=BEYOND, strict=True)
            rows: list[dict[str, Any]] = list(reader)
            return list(reader.fieldnames or []), rows
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{table} is not a CSV file in UTF-8 ({error}); save it as one"
        ) from error


def _read_parquet(table: Path) -> tuple[list[str], list[dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        arrow = pyarrow.parquet.read_table(table)
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(f"{table} cannot be read as Parquet ({error}); save it again") from error
    return arrow.column_names, arrow.to_pylist()


def _check_columns(table: Path, columns: Sequence[str]) -> None:
    known = (*REQUIRED, *TEXTS, *NUMBERS)
    missing = [name for name in REQUIRED if name not in columns]
    strange = [repr(name) for name in columns if name not in known or columns.count(name) > 1]
    problems = {"missing columns": missing, "unknown or repeated columns": strange}
    if found := [f"{what}: {', '.join(names)}" for what, names in problems.items() if names]:
        allowed = f"allowed columns are {', '.join(known)}"
        raise CorpusError("; ".join([f"{table}: {found[0]}", *found[1:], allowed]))


def _problems(row: Row, scanned: Collection[str]) -> Iterator[str]:
    yield from (f"{name} is empty" for name in REQUIRED if name not in row)
    if "path" in row and _path(row) not in scanned:
        yield f"{row['path']} did not exist when the corpus was scanned"
    if BEYOND in row:
        yield "more cells than columns"
    for name, allowed in CHOICES.items():
        if row.get(name, allowed[0]) not in allowed:
            yield f"{name} is {row[name]!r}, not {' or '.join(allowed)}"
    for name in NUMBERS:
        if not _is_finite(row.get(name, 0)):
            yield f"{name} is {row[name]!r}, not a number"


def _path(row: Row) -> str:
    return PurePosixPath(str(row["path"])).as_posix()


def _lies_below(root: Path, path: str) -> bool:
    relative = PurePosixPath(path)
    inside = not relative.is_absolute() and ".." not in relative.parts
    return inside and (root / relative).is_file()


def _is_missing(cell: object) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def _is_finite(cell: Any) -> bool:
    try:
        return math.isfinite(float(cell))
    except (TypeError, ValueError):
        return False
