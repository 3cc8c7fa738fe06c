"""What a table consists of: rows, each with the parameters that make it, and the published scores.

Tables are data (`tables/*.yaml`). A row's parameters are changes of params.yaml, so that a table
runs on whichever corpus, protocol and encoders the user has set.
"""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import Field

from mfsn.config import Config
from mfsn.errors import ConfigError
from mfsn.params import Params, read_yaml

FOLDER = Path(__file__).parent / "tables"
SHORT = {"optimisation.epochs": 3, "optimisation.patience": 3}
"""Fits of seconds: to see that a table runs, or to compare at the smallest budget."""


class Row(Config):
    """One experiment of a table."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    label: str
    set: dict[str, Any] = Field({})
    """Dotted parameter to value; a text `$sec.model` stands for the value of that parameter in
    params.yaml."""
    published: dict[str, float] = Field({})
    """ua and wa in percent, under the table's `source` and `conditions`."""


class Table(Config):
    """An experiment list."""

    title: str
    source: str
    """Where the published scores stand, or whose question the table answers."""
    conditions: str
    """What the published scores were measured on."""
    rows: list[Row] = Field(min_length=1)


def tables() -> dict[str, Table]:
    """Name of each table to its plan, sorted."""
    found = sorted(FOLDER.glob("*.yaml"))
    return {path.stem: Table.parse(read_yaml(path), where=path.name) for path in found}


def table_named(name: str) -> Table:
    """The plan of a table.

    Raises:
        ConfigError: if there is no such table.
    """
    known = tables()
    if name not in known:
        raise ConfigError(f"there is no table {name}; choose one of {', '.join(known)}")
    return known[name]


def overrides(row: Row, params: Params, short: bool, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The parameters that a row changes; `experiment` is none of them, so that `dvc exp show` has
    one column a score.

    Args:
        row: of a table.
        params: what params.yaml holds.
        short: whether fits are to take seconds.
        seeds: instead of those in params.yaml; empty for those.
    """
    changed = {name: _resolve(value, params) for name, value in row.set.items()}
    return changed | (SHORT if short else {}) | ({"seeds": list(seeds)} if seeds else {})


def experiment_name(table: str, row: Row, short: bool) -> str:
    """Name of a row's experiment in DVC."""
    return f"{table}-{row.name}{'-short' if short else ''}"


def _resolve(value: Any, params: Params) -> Any:
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    found = reduce(getattr, value.removeprefix("$").split("."), params)
    return found.model_dump(mode="json") if isinstance(found, Config) else found
