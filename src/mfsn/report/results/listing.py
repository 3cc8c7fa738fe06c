"""The finished runs as lines of text that fit into a terminal."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

WIDTH = 120
"""How wide a line is at most, in characters."""
_GAP, _LEAST = 2, 8
_NAMES, _OF_WORDS = ("run", "corpus", "system"), ("encoders", "protocol")
"""Columns that become narrower where lines are too long: between words first, then the names, and
last within words; the widest column first."""

Cells = Mapping[str, str]


def lines(table: pd.DataFrame) -> list[str]:
    """A row per run, without empty columns; below an experiment stand commit and changes.

    Args:
        table: as `mfsn.report.results.collect.results` returns it, with at least one row.
    """
    cells = [_cells(row) for row in table.to_dict("records")]
    header = {name: name for name in cells[0] if any(row[name] for row in cells)}
    widths = _fitted([header, *({name: row[name] for name in header} for row in cells)])
    found = [*_wrapped(header, widths)]
    for row, of_dvc in zip(cells, table.to_dict("records"), strict=True):
        found += [*_wrapped(row, widths), *_indented(_changed(of_dvc))]
    return found


def _cells(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        **{name: _text(row[name]) for name in ("run", "corpus", "system", "encoders")},
        "protocol": _text(row["protocol"]).replace("_", " "),
        "seeds": _text(row["seeds"]),
        "score (95 %)": _score(row),
        "WA": "" if pd.isna(row["wa"]) else f"{100 * row['wa']:.1f}",
    }


def _changed(row: Mapping[Any, Any]) -> str:
    """From which commit an experiment of DVC started, and its parameters that differ from it."""
    if not _text(row["commit"]):
        return ""
    return f"commit {row['commit']}, {_text(row['changed']) or 'with its parameters'}"


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _score(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["value"]):
        return "not in DVC's cache"
    factor, decimals = (100, 1) if row["score"] == "UA" else (1, 3)
    numbers = [row[name] * factor for name in ("value", "low", "high") if not pd.isna(row[name])]
    value, *interval = [f"{number:.{decimals}f}" for number in numbers]
    spread = f" ({' to '.join(interval)})" if interval else ""
    return f"{row['score']} {value}{spread}"


def _fitted(rows: Sequence[Cells]) -> dict[str, int]:
    """The widths of the columns, which fit into a line together if wrapping can achieve that."""
    widths = {name: max(len(row[name]) for row in rows) for name in rows[0]}
    words = {name: _longest_word(rows, name) for name in _OF_WORDS if name in widths}
    for least in (words, dict.fromkeys(_NAMES, _LEAST), dict.fromkeys(_OF_WORDS, _LEAST)):
        while sum(widths.values()) + _GAP * (len(widths) - 1) > WIDTH:
            above = {name: widths[name] for name in least if widths.get(name, 0) > least[name]}
            if not above:
                break
            widths[max(above, key=above.__getitem__)] -= 1
    return widths


def _longest_word(rows: Sequence[Cells], name: str) -> int:
    return max(len(word) for row in rows for word in row[name].split() or [""])


def _wrapped(row: Cells, widths: Mapping[str, int]) -> Iterator[str]:
    """The lines of one row."""
    parts = [textwrap.wrap(row[name], w, break_on_hyphens=False) for name, w in widths.items()]
    for line in itertools.zip_longest(*parts, fillvalue=""):
        yield (" " * _GAP).join(map(str.ljust, line, widths.values())).rstrip()


def _indented(changed: str) -> Sequence[str]:
    indent = "    "
    return textwrap.wrap(changed, WIDTH, initial_indent=indent, subsequent_indent=indent)
