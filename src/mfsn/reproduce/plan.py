"""The plan of a table: its rows with their parameters, and the published scores.

Tables are data (`tables/*.yaml`). The parameters of a row are changes to params.yaml, so that a
table runs on any corpus and with any encoders that the user has set. On the corpus of the published
scores, the rows also set the published protocol.
"""

from __future__ import annotations

from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import Field

from mfsn.base.yaml_file import read_yaml
from mfsn.config import Config, plain
from mfsn.errors import ConfigError
from mfsn.params import Params
from mfsn.reproduce.curve import Curve

FOLDER = Path(__file__).parent / "tables"
RANDOM = "random/"
"""The beginning of names of encoders with random weights (`mfsn.encoders.random_weights`)."""
SIZES = ("demo", "small", "base", "large")
"""The ends of the names of those encoders."""
LINEAR = {"svm": "a linear SVM", "ridge": "ridge regression"}
"""The text that replaces `{linear}` in the label of a row."""
SHORT = {"optimisation.epochs": 3, "optimisation.patience": 3, "optimisation.batches": 20}
"""Parameters for fits of seconds, to see that all rows of a table run."""


class Row(Config):
    """One experiment of a table, or a published score without an experiment here."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    label: str
    """The name of the row for people. `{linear}` is replaced by the model that the system classical
    fits; `{sec}`, `{tec}` and `{both}` by the encoders in params.yaml. See `labelled`."""
    set: dict[str, Any] | None = None
    """The parameters that the row sets, by dotted name. The text `$sec.model` is replaced by the
    value of that parameter in params.yaml. null: nothing runs, since the row has only published
    scores."""
    random: str | None = None
    """The family of the random-weight encoder that replaces `sec.model` if params.yaml has random
    weights for SEC; it gets the size of the one in params.yaml. The row then runs without a hub."""
    published: dict[str, float] = Field({})
    """The published ua and wa in percent; see `source` and `conditions` of the table."""


class Table(Config):
    """A list of experiments."""

    title: str
    source: str
    """Where the scores were published, or who asked the question that the table answers."""
    conditions: str
    """The conditions under which the published scores were measured."""
    preset: str | None = None
    """The preset for the corpus of the published scores."""
    corpus: dict[str, Any] = Field({})
    """The parameters of the corpus of the published scores, by dotted name; the order of a list
    does not matter. With another corpus the table runs too, but says that its scores cannot be
    compared with the published ones."""
    protocol: dict[str, Any] = Field({})
    """The published protocol, by dotted name; every row sets it if the corpus is the published
    one."""
    rows: list[Row] = Field(min_length=1)
    curve: Curve | None = None
    """How the rows become curves, which are drawn below the table; null if there are no curves."""
    layers: bool = False
    """Whether the rows are probes; then their UA over layers is drawn below the table."""

    @property
    def runs(self) -> list[Row]:
        """The rows for which an experiment runs."""
        return [row for row in self.rows if row.set is not None]


def tables() -> dict[str, Table]:
    """The plans of all tables, sorted by name."""
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
    """Complete a table for these parameters.

    Labels get the name of the linear model that the parameters ask for (for dimensions this is
    always ridge regression), and the names of the encoders that run. Rows set the random weights
    with which they really run if params.yaml has random weights, see `Row.random`.

    Raises:
        ConfigError: if a row must run with random weights, but `sec.model` ends in no known size.
    """
    rows = [row.model_copy(update=_labelled(row, params)) for row in table.rows]
    return table.model_copy(update={"rows": rows})


def overrides(row: Row, params: Params, short: bool, seeds: tuple[int, ...]) -> dict[str, Any]:
    """The parameters that a row changes.

    `experiment` is not changed, so that `dvc exp show` has one column per score.

    Args:
        row: a row of a table.
        params: the parameters in params.yaml.
        short: whether fits should take only seconds.
        seeds: seeds to use instead of those in params.yaml; empty to use those.

    Raises:
        ConfigError: in the same cases as `labelled`.
    """
    changed = {name: _resolve(value, params) for name, value in (row.set or {}).items()}
    changed |= _stand_in(row, params)
    return changed | (SHORT if short else {}) | ({"seeds": list(seeds)} if seeds else {})


def settings_of(row: Row) -> str:
    """The parameters that a row sets, as text for a list."""
    if row.set is None:
        return "(only published scores; nothing runs)"
    return ", ".join(f"{name}: {plain(value)}" for name, value in row.set.items())


def described(published: dict[str, float]) -> str:
    """Published scores as text for a list: `UA 74.0, WA 71.9`."""
    return ", ".join(f"{name.upper()} {score:.1f}" for name, score in published.items())


def departures(table: Table, params: Params) -> list[str]:
    """How params.yaml differs from the corpus of the published scores, one clause per parameter."""
    return [
        f"{name} is {plain(_value(name, params))}, not {plain(published)}"
        for name, published in table.corpus.items()
        if _unordered(_value(name, params)) != _unordered(published)
    ]


def protocol_of(table: Table, params: Params) -> dict[str, Any]:
    """The published protocol as dotted parameters; empty for another corpus.

    Another corpus may not have sessions, for example, so it keeps its own protocol.
    """
    return {} if departures(table, params) else table.protocol


def notice(table: Table, params: Params) -> str | None:
    """One sentence if our scores cannot be compared with the published ones; else None."""
    clauses = departures(table, params)
    if not clauses:
        return None
    preset = f"; set the corpus with `mfsn preset {table.preset}`" if table.preset else ""
    return (
        f"our scores cannot be compared with the published ones, which are for {table.conditions}: "
        f"in params.yaml {' and '.join(clauses)}{preset}"
    )


def experiment_name(table: str, row: Row, short: bool) -> str:
    """The name of a row's experiment in DVC."""
    return f"{table}-{row.name}{'-short' if short else ''}"


def _labelled(row: Row, params: Params) -> dict[str, Any]:
    """The label of a row and the parameters that it sets, including random weights."""
    if row.set is None:
        return {"label": _label(row, params)}
    return {"label": _label(row, params), "set": row.set | _stand_in(row, params)}


def _label(row: Row, params: Params) -> str:
    settings = row.set or {}
    rated = settings.get("labels.target", params.labels.target) == "dimensions"
    classifier = settings.get("classical.classifier", params.classical.classifier)
    note = " [random weights]" if _stand_in(row, params) else ""
    words = {"{linear}": LINEAR["ridge" if rated else classifier], **_encoders(params)}
    return reduce(lambda text, word: text.replace(word, words[word]), words, row.label) + note


def _encoders(params: Params) -> dict[str, str]:
    """The words for the encoders in params.yaml."""
    sec, tec = short_name(params.sec.model), short_name(params.tec.model)
    same = (params.sec.model, params.sec.revision) == (params.tec.model, params.tec.revision)
    both = f"{sec} as SEC and as TEC" if same else f"{sec} and {tec}"
    return {"{sec}": sec, "{tec}": tec, "{both}": both}


def short_name(model: str) -> str:
    """The name of an encoder without its folder or owner; random weights are named as such."""
    name = model.rstrip("/").rpartition("/")[2]
    return f"{name} (random weights)" if model.startswith(RANDOM) else name


def _stand_in(row: Row, params: Params) -> dict[str, Any]:
    if row.random is None or not params.sec.model.startswith(RANDOM):
        return {}
    size = params.sec.model.rpartition("-")[2]
    if size not in SIZES:
        raise ConfigError(
            f"params.yaml: sec.model is {params.sec.model!r}, which is not a random-weight encoder "
            f"of a known size ({', '.join(SIZES)}); choose one such as {RANDOM}wav2vec2-demo"
        )
    if size in ("base", "large"):  # a published size; the row decides which one
        model = row.random if row.random.endswith("-large") else f"{row.random}-base"
    else:
        model = f"{row.random}-{size}"
    changed: dict[str, Any] = {"sec.model": f"{RANDOM}{model}", "sec.revision": None}
    if isinstance((row.set or {}).get("sec.levels"), dict):  # layers of the pretrained encoder
        changed["sec.levels"] = _value("sec.levels", params)
    return changed


def _resolve(value: Any, params: Params) -> Any:
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    found = _value(value.removeprefix("$"), params)
    return found.model_dump(mode="json") if isinstance(found, Config) else found


def _value(name: str, params: Params) -> Any:
    return reduce(getattr, name.split("."), params)


def _unordered(value: Any) -> Any:
    return sorted(value) if isinstance(value, list) else value
