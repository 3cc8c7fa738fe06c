"""A user's own recordings, described by one table in the corpus folder."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from unicodedata import normalize

from mfsn.base.quantities import counted
from mfsn.corpora.base import Utterance, files_below, on_disk, refuse
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.readers.table_file import BEYOND, NUMBERS, REQUIRED, TEXTS, Row, read_table

CHOICES = {
    "gender": {"female": "female", "f": "female", "male": "male", "m": "male"},
    "split": {"train": "train", "dev": "dev", "test": "test"},
}
"""What cells may say, and what it means; capitals do not matter."""

Places = Mapping[str, str]
"""For each path as the table writes it, the path relative to the corpus folder."""


@dataclass(frozen=True)
class Table:
    """Reader of table.csv, table.tsv (UTF-8 or Excel's Unicode text) or table.parquet.

    The columns path (in the corpus folder) and emotion are required. Optional columns are
    utterance_id (default: the path without its ending), speaker, session, gender (female or f, male
    or m), transcript, valence, arousal, dominance, split (train, dev, test) and licence. An empty
    cell is a missing value. See `mfsn.corpora.readers.table_file` for other names of columns.
    """

    facts: CorpusFacts

    def files(self, root: Path) -> list[str]:
        """The table and the recordings that it names; empty if there is no table.

        Raises:
            CorpusError: if the table cannot be read, lacks a required column, has two columns for
                the same, or names recordings that are not in the corpus folder; if there is only a
                sheet of another kind or name.
        """
        table = read_table(root)
        if table is None:
            return []
        paths = set(_places(root, table.rows).values())
        refuse(
            sorted(path for path in paths if not _lies_below(root, path)),
            f"{table.path} names recordings that are not in {root}",
            "the column path must contain paths in this folder, relative to it or absolute",
        )
        return sorted({*paths, table.path.name})

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per row.

        Raises:
            CorpusError: in the same cases as `files`, and if cells contain values that are not
                allowed. One message lists all such cells; what several rows have is said once.
        """
        table = read_table(root)
        if table is None:
            return []
        places, scanned = _places(root, table.rows), set(files)
        where = defaultdict(list)
        for number, row in enumerate(table.rows, start=1):
            for problem in _problems(row, places, scanned):
                where[problem].append(number)
        refuse(
            [f"{_rows(numbers)} ({problem})" for problem, numbers in where.items()],
            f"{table.path} has cells that cannot be used",
            "correct them (row 1 is the first one below the column names)",
        )
        return [self._utterance(row, places[str(row["path"])]) for row in table.rows]

    def notes(self, root: Path) -> list[str]:
        """What the table holds that is not read: one sentence, or nothing.

        Raises:
            CorpusError: in the same cases as `files`.
        """
        table = read_table(root)
        return table.notes() if table else []

    def _utterance(self, row: Row, path: str) -> Utterance:
        fields: dict[str, Any] = {
            "utterance_id": normalize("NFC", PurePosixPath(path).with_suffix("").as_posix()),
            "licence": self.facts.licence,
        }
        fields |= {name: str(row[name]) for name in TEXTS if name in row}
        fields |= {n: CHOICES[n][str(row[n]).casefold()] for n in CHOICES if n in row}
        fields |= {name: float(row[name]) for name in NUMBERS if name in row}
        return Utterance(path=path, emotion=str(row["emotion"]), **fields)


def _rows(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"row {numbers[0]}"
    return f"{counted(len(numbers), 'row')} from row {numbers[0]} on"


def _problems(row: Row, places: Places, scanned: Collection[str]) -> Iterator[str]:
    yield from (f"{name} is empty" for name in REQUIRED if name not in row)
    if "path" in row and places[str(row["path"])] not in scanned:
        yield f"{row['path']} did not exist when the corpus was scanned"
    if BEYOND in row:
        yield "more cells than columns"
    for name, meanings in CHOICES.items():
        if name in row and str(row[name]).casefold() not in meanings:
            yield f"{name} is {row[name]!r}, not {' or '.join(sorted(set(meanings.values())))}"
    for name in NUMBERS:
        if not _is_finite(row.get(name, 0)):
            yield f"{name} is {row[name]!r}, not a number"


def _places(root: Path, rows: Sequence[Row]) -> Places:
    """Where the recordings lie: absolute paths, and names in other Unicode, are understood."""
    written = {str(row["path"]) for row in rows if "path" in row}
    relative = {path: _relative(root, PurePosixPath(path)) for path in written}
    missing = [path for path in relative.values() if not (root / path).is_file()]
    there = (path.as_posix() for path in files_below(root)) if missing else ()
    named = on_disk(missing, there)
    return {each: named.get(path, path) for each, path in relative.items()}


def _relative(root: Path, path: PurePosixPath) -> str:
    for folder in (root.absolute().as_posix(), root.resolve().as_posix()):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return path.as_posix()


def _lies_below(root: Path, path: str) -> bool:
    relative = PurePosixPath(path)
    inside = not relative.is_absolute() and ".." not in relative.parts
    return inside and (root / relative).is_file()


def _is_finite(cell: Any) -> bool:
    try:
        return math.isfinite(float(cell))
    except (TypeError, ValueError):
        return False
