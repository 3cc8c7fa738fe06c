"""What a table consists of: rows, each with the parameters that make it, and the published scores.

Tables are data (`tables/*.yaml`). A row's parameters are changes of params.yaml, so that a table
runs on whichever corpus and encoders the user has set; on the corpus of the published scores it
also sets their protocol.
"""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import Field

from mfsn.config import Config
from mfsn.errors import ConfigError
from mfsn.params import Params, read_yaml
from mfsn.reproduce.curve import Curve

FOLDER = Path(__file__).parent / "tables"
RANDOM = "random/"
"""Begins the name of an encoder with random weights (`mfsn.encoders.random_weights`)."""
SIZES = ("demo", "small", "base", "large")
"""How the names of those encoders end."""
LINEAR = {"svm": "a linear SVM", "ridge": "ridge regression"}
"""What stands for `{linear}` in the label of a row."""
SHORT = {"optimisation.epochs": 3, "optimisation.patience": 3, "optimisation.batches": 20}
"""Fits of seconds: to see that a table runs, or to compare at the smallest budget."""


class Row(Config):
    """One experiment of a table, or a published score that no system here reproduces."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    label: str
    """`{linear}` stands for the model that the system classical fits, see `labelled`."""
    set: dict[str, Any] | None = None
    """Dotted parameter to value; a text `$sec.model` stands for the value of that parameter in
    params.yaml. null: nothing runs, the row is published only."""
    random: str | None = None
    """Family of the random-weight encoder that stands for `sec.model` where params.yaml itself has
    random weights for SEC, in the size of that one: the row then runs without a hub."""
    published: dict[str, float] = Field({})
    """ua and wa in percent, under the table's `source` and `conditions`."""


class Table(Config):
    """An experiment list."""

    title: str
    source: str
    """Where the published scores stand, or whose question the table answers."""
    conditions: str
    """What the published scores were measured on."""
    preset: str | None = None
    """The preset that prepares the corpus of the published scores."""
    corpus: dict[str, Any] = Field({})
    """Dotted parameter to the value that it has on the corpus of the published scores; the order of
    a list does not matter. Elsewhere the table runs all the same, and says that it does not
    compare."""
    protocol: dict[str, Any] = Field({})
    """Dotted parameter to value: the published protocol, which every row sets on that corpus."""
    rows: list[Row] = Field(min_length=1)
    curve: Curve | None = None
    """How the rows make curves, which are then drawn below the table."""
    layers: bool = False
    """Whether the rows are probes, whose UA over layers is then drawn below the table."""

    @property
    def runs(self) -> list[Row]:
        """The rows that are experiments here."""
        return [row for row in self.rows if row.set is not None]


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


def labelled(table: Table, params: Params) -> Table:
    """The table with labels that name the linear model which its parameters ask for, and rows that
    set what they really run with: random weights where params.yaml has those, see `Row.random`.

    Dimensions are always predicted by ridge regression.

    Raises:
        ConfigError: if a row is to run with random weights, and `sec.model` ends in no known size.
    """
    rows = [row.model_copy(update=_labelled(row, params)) for row in table.rows]
    return table.model_copy(update={"rows": rows})


def overrides(row: Row, params: Params, short: bool, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The parameters that a row changes; `experiment` is none of them, so that `dvc exp show` has
    one column a score.

    Args:
        row: of a table.
        params: what params.yaml holds.
        short: whether fits are to take seconds.
        seeds: instead of those in params.yaml; empty for those.

    Raises:
        ConfigError: as `labelled`.
    """
    changed = {name: _resolve(value, params) for name, value in (row.set or {}).items()}
    changed |= _stand_in(row, params)
    return changed | (SHORT if short else {}) | ({"seeds": list(seeds)} if seeds else {})


def settings_of(row: Row) -> str:
    """What a row sets, as text for a list."""
    if row.set is None:
        return "(published only; nothing runs)"
    return ", ".join(f"{name}: {plain(value)}" for name, value in row.set.items())


def described(published: dict[str, float]) -> str:
    """Published scores as text for a list: `UA 74.0, WA 71.9`."""
    return ", ".join(f"{name.upper()} {score:.1f}" for name, score in published.items())


def departures(table: Table, params: Params) -> list[str]:
    """Where params.yaml is not what the published scores are of: one clause a parameter."""
    return [
        f"{name} is {plain(_value(name, params))}, not {plain(published)}"
        for name, published in table.corpus.items()
        if _unordered(_value(name, params)) != _unordered(published)
    ]


def protocol_of(table: Table, params: Params) -> dict[str, Any]:
    """The published protocol as dotted parameters; nothing on another corpus.

    Another corpus may have no sessions to leave out, so that it keeps its own protocol.
    """
    return {} if departures(table, params) else table.protocol


def notice(table: Table, params: Params) -> str | None:
    """One sentence where ours will not compare with the published scores; else None."""
    clauses = departures(table, params)
    if not clauses:
        return None
    preset = f"; `mfsn preset {table.preset}` sets the corpus" if table.preset else ""
    return (
        f"the published scores are of {table.conditions}, and in params.yaml "
        f"{' and '.join(clauses)}, so that ours do not compare with them{preset}"
    )


def experiment_name(table: str, row: Row, short: bool) -> str:
    """Name of a row's experiment in DVC."""
    return f"{table}-{row.name}{'-short' if short else ''}"


def plain(value: Any) -> str:
    """As params.yaml has it: text without quotes, false, null."""
    return value if isinstance(value, str) else json.dumps(value)


def _labelled(row: Row, params: Params) -> dict[str, Any]:
    """The label of a row, and what it sets, stand-ins included."""
    if row.set is None:
        return {"label": _label(row, params)}
    return {"label": _label(row, params), "set": row.set | _stand_in(row, params)}


def _label(row: Row, params: Params) -> str:
    settings = row.set or {}
    rated = settings.get("labels.target", params.labels.target) == "dimensions"
    classifier = settings.get("classical.classifier", params.classical.classifier)
    note = " [random weights]" if _stand_in(row, params) else ""
    return row.label.replace("{linear}", LINEAR["ridge" if rated else classifier]) + note


def _stand_in(row: Row, params: Params) -> dict[str, Any]:
    if row.random is None or not params.sec.model.startswith(RANDOM):
        return {}
    size = params.sec.model.rpartition("-")[2]
    if size not in SIZES:
        raise ConfigError(
            f"params.yaml: sec.model is {params.sec.model!r}, which is no random-weight encoder of "
            f"a size known here ({', '.join(SIZES)}); choose one such as {RANDOM}wav2vec2-demo"
        )
    if size in ("base", "large"):  # a published size; the row says which
        model = row.random if row.random.endswith("-large") else f"{row.random}-base"
    else:
        model = f"{row.random}-{size}"
    changed = {"sec.model": f"{RANDOM}{model}", "sec.revision": None}
    numbered = isinstance((row.set or {}).get("sec.levels"), dict)  # of the pretrained one's layers
    return changed | ({"sec.levels": _value("sec.levels", params)} if numbered else {})


def _resolve(value: Any, params: Params) -> Any:
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    found = _value(value.removeprefix("$"), params)
    return found.model_dump(mode="json") if isinstance(found, Config) else found


def _value(name: str, params: Params) -> Any:
    return reduce(getattr, name.split("."), params)


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value
