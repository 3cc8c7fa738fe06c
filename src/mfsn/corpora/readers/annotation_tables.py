"""Annotation tables as corpora publish them: text with a header and one row per utterance."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.base.pointers import require_fetched
from mfsn.errors import CorpusError


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    where: str
    """The name of the file and the line, for messages."""
    cells: dict[str, str]
    """The text of each column, without spaces around it."""


def read_rows(path: Path, columns: Sequence[str], delimiter: str, quoting: int) -> list[Row]:
    """Read a table.

    Args:
        path: a text file in UTF-8, with or without a byte order mark.
        columns: the columns that the table must have.
        delimiter: the character between cells.
        quoting: how quotation marks are read, a constant of the module csv.

    Raises:
        CorpusError: if the file is not such a table, lacks a column, or has a row with more or
            fewer cells than the header.
    """
    lines = _read_cells(path, delimiter, quoting)
    header = lines[0][1] if lines else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise _not_as_published(path, f"lacks the columns {', '.join(missing)}")
    for number, cells in lines:
        if len(cells) != len(header):
            raise _not_as_published(
                path, f"has {len(cells)} cells in line {number} and {len(header)} columns"
            )
    return [
        Row(f"{path.name}, line {number}", dict(zip(header, map(str.strip, cells), strict=True)))
        for number, cells in lines[1:]
    ]


def _read_cells(path: Path, delimiter: str, quoting: int) -> list[tuple[int, list[str]]]:
    """The line number and the cells of every line that is not empty."""
    require_fetched(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
        try:
            return [(reader.line_num, cells) for cells in reader if cells]
        except (csv.Error, UnicodeDecodeError) as error:
            raise _not_as_published(
                path, f"is not a table in UTF-8 (after line {reader.line_num}: {error})"
            ) from error


def _not_as_published(path: Path, what: str) -> CorpusError:
    return CorpusError(f"{path} {what}; copy it again from where it was published")
