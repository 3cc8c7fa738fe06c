"""The file of a user's own table, as spreadsheets and scripts write it."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mfsn.base.pointers import require_fetched
from mfsn.corpora.base import enumerate_first, plain
from mfsn.errors import CorpusError

NAMES = ("table.csv", "table.tsv", "table.parquet")
REQUIRED = ("path", "emotion")
TEXTS = ("utterance_id", "speaker", "session", "gender", "transcript", "split", "licence")
NUMBERS = ("valence", "arousal", "dominance")
COLUMNS = (*REQUIRED, *TEXTS, *NUMBERS)
ALSO = {
    "file": "path", "filename": "path", "filepath": "path", "wav": "path", "audio": "path",
    "label": "emotion", "speakerid": "speaker", "sex": "gender", "text": "transcript",
}  # fmt: skip
"""Other names of columns that are understood if the column itself is not there."""
BEYOND = "cells beyond the last column"

_SHEETS = (".xlsx", ".xls", ".ods", ".csv", ".tsv")
_DELIMITERS = ",;\t"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class TableFile:
    """What a table says."""

    path: Path
    rows: Sequence[Row]
    """One mapping per row, from `COLUMNS` to cells that are not empty. Text has no spaces around
    it."""
    others: list[str] = field(default_factory=list)
    """The columns that are not read, as they are spelt."""

    def notes(self) -> list[str]:
        """One sentence about the columns that are not read; nothing if there are none."""
        if not self.others:
            return []
        listed = enumerate_first([_suggested(name) for name in self.others])
        return [f"{self.path.name} has columns that are not read: {listed}"]


def read_table(root: Path) -> TableFile | None:
    """Read the table of a corpus folder; None if there is none.

    Raises:
        CorpusError: if there are several tables, or a sheet that is no table of mfsn; if the table
            cannot be read, lacks a required column, or has two columns with one meaning.
    """
    path = _find(root)
    if path is None:
        return None
    require_fetched(path)
    columns, rows = _read_parquet(path) if path.suffix == ".parquet" else _read_text(path)
    meanings, others = _meanings(path, columns)
    known = {**meanings, BEYOND: BEYOND}
    named = [
        {known[name]: cell for name, cell in row.items() if name in known and not _empty(cell)}
        for row in rows
    ]
    return TableFile(path, named, others)


def _find(root: Path) -> Path | None:
    tables = [name for name in NAMES if (root / name).is_file()]
    if len(tables) > 1:
        raise CorpusError(f"{root} contains both {' and '.join(tables)}; remove one of them")
    if tables:
        return root / tables[0]
    sheets = sorted(p.name for p in root.glob("[!.~]*") if p.suffix.lower() in _SHEETS)
    if sheets:
        raise CorpusError(
            f"{root} has {enumerate_first(sheets, 3)}, but no table.csv; save the list of "
            "recordings there under this name, as CSV in UTF-8"
        )
    return None


def _read_text(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of a text with commas, semicolons or tabs between cells."""
    content = path.read_bytes()
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
        if text.startswith("sep="):  # Excel's own first line
            text = text.partition("\n")[2]
        delimiter = max(_DELIMITERS, key=lambda each: _recognised(text, each))
        reader = csv.DictReader(
            io.StringIO(text, newline=""), restkey=BEYOND, strict=True, delimiter=delimiter
        )
        rows = [
            {name: _cell(name, cell, delimiter) for name, cell in row.items()} for row in reader
        ]
        return list(reader.fieldnames or []), rows
    except (csv.Error, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} is not a CSV file in UTF-8 ({error}); save it as one") from error


def _recognised(text: str, delimiter: str) -> int:
    """How many columns of the header are known, if cells are divided like this."""
    header = next(csv.reader(io.StringIO(text), delimiter=delimiter), [])
    return sum(_meaning(name) is not None for name in header)


def _cell(name: str | None, cell: Any, delimiter: str) -> Any:
    """A cell without spaces around it, and numbers with a decimal comma as Python writes them."""
    if not isinstance(cell, str):
        return cell
    is_number = name is not None and _meaning(name) in NUMBERS
    return cell.strip().replace(",", ".") if is_number and delimiter != "," else cell.strip()


def _read_parquet(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        arrow = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise CorpusError(f"{path} cannot be read as Parquet ({error}); save it again") from error
    rows = [{n: _cell(n, cell, ",") for n, cell in row.items()} for row in arrow.to_pylist()]
    return arrow.column_names, rows


def _meanings(path: Path, columns: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """For each column that is read its name in `COLUMNS`, and the columns that are not read."""
    own = {name for name in map(_own, columns) if name}
    meanings = {
        name: meaning
        for name in columns
        if (meaning := _own(name) or _meaning(name)) and (_own(name) or meaning not in own)
    }
    read = [name for name in columns if name in meanings]
    doubled = [name for name in read if [meanings[n] for n in read].count(meanings[name]) > 1]
    if doubled:
        raise CorpusError(
            f"{path} has several columns for the same ({', '.join(map(repr, doubled))}); keep one"
        )
    if not columns:
        raise CorpusError(f"{path} is empty; write columns path and emotion, a row per recording")
    missing = [name for name in REQUIRED if name not in meanings.values()]
    if missing:
        raise CorpusError(
            f"{path} has no column {' and no column '.join(missing)}; its columns are "
            f"{', '.join(map(repr, columns))}, and mfsn reads {', '.join(COLUMNS)}"
        )
    return meanings, [name for name in columns if name not in meanings]


def _own(name: str) -> str | None:
    """The column of `COLUMNS` whose name this is, whatever its capitals and spaces."""
    return {_bare(column): column for column in COLUMNS}.get(_bare(name))


def _meaning(name: str) -> str | None:
    return _own(name) or ALSO.get(_bare(name))


def _bare(name: str) -> str:
    return plain(name).replace("_", "").replace("-", "")


def _suggested(name: str) -> str:
    close = difflib.get_close_matches(name.casefold(), COLUMNS, n=1, cutoff=0.75)
    return repr(name) + (f" (did you mean {close[0]}?)" if close else "")


def _empty(cell: object) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))
