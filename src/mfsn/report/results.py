"""All finished runs in one short table: those of the workspace, and the experiments of DVC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn import plugins
from mfsn.base.files import read_json
from mfsn.errors import DamagedFileError
from mfsn.training.system import get_system
from mfsn.workspace import Outputs

COLUMNS = [
    "run", "corpus", "system", "encoders", "protocol", "folds", "seeds", "score", "value", "low",
    "high", "wa", "changed",
]  # fmt: skip

_TITLES = {"ua": "UA", "ccc": "CCC"}


def results(workspace: Path, commits: int = 1) -> pd.DataFrame:
    """One row per finished run.

    Args:
        workspace: the folder with params.yaml.
        commits: from how many commits experiments of DVC are listed, HEAD first.

    Returns:
        The columns are `run` (the experiment's name; of DVC's experiments, DVC's name), `corpus`,
        `system`, `encoders`, `protocol`, `folds`, `seeds`, `score` (UA, or CCC of dimensions),
        `value`, `low` and `high` (the score and its 95 % interval), `wa`, all between 0 and 1, and
        `changed`: the parameters in which an experiment differs from its commit. Intervals are in
        the outputs of the workspace only; DVC does not keep them.

    Raises:
        DamagedFileError: if a file of a finished run is damaged.
    """
    rows = [*_in_workspace(workspace), *_of_dvc(workspace, commits)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"folds": "Int64", "seeds": "Int64"})


def shown(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """The table for a terminal: scores in percent with their interval, and no empty columns."""
    rows = [_line(row) for row in table.to_dict("records")]
    names = [name for name in rows[0] if any(row[name] for row in rows)]
    return [tuple(names), *(tuple(row[name] for name in names) for row in rows)]


def _line(row: Mapping[Any, Any]) -> dict[str, str]:
    has_fits = not pd.isna(row["folds"]) and not pd.isna(row["seeds"])
    described = ("run", "corpus", "system", "encoders", "protocol")
    return {
        **{name: _text(row[name]) for name in described},
        "folds x seeds": f"{row['folds']} x {row['seeds']}" if has_fits else "",
        "score (95 %)": _score(row),
        "WA": "" if pd.isna(row["wa"]) else f"{100 * row['wa']:.1f}",
        "changed": _text(row["changed"]),
    }


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _in_workspace(workspace: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((workspace / "data" / "results").glob("*/*/scores.json")):
        outputs = Outputs(workspace, path.parent.parent.name, path.parent.name)
        about_file = outputs.models / "run.json"
        if not about_file.is_file():
            continue  # `train` is at work
        about, scores = read_json(about_file), read_json(path)
        try:
            yield _described(outputs, about, scores)
        except (KeyError, TypeError, AttributeError):
            raise DamagedFileError(
                f"{path} or {about_file} is damaged; delete both and run `dvc repro` to make them "
                "again"
            ) from None


def _described(
    outputs: Outputs, about: Mapping[str, Any], scores: Mapping[str, Any]
) -> dict[str, Any]:
    name = "ua" if "ua" in scores else "ccc"
    interval = scores.get("intervals", {}).get(name, {})
    return {
        "run": outputs.experiment,
        "corpus": outputs.corpus,
        "system": about["system"],
        "encoders": _encoders({key: each["model"] for key, each in about["encoders"].items()}),
        "protocol": about["protocol"]["name"],
        "folds": scores["counts"]["folds"],
        "seeds": scores["counts"]["seeds"],
        "score": _TITLES[name],
        "value": scores[name],
        "low": interval.get("low"),
        "high": interval.get("high"),
        "wa": scores.get("wa"),
    }


def _of_dvc(workspace: Path, commits: int) -> Iterator[dict[str, Any]]:
    from dvc.api import exp_show

    base: Mapping[str, Any] = {}
    for row in exp_show(repo=str(workspace), num=commits):
        if row["typ"] == "baseline":
            base = row
        elif row["rev"] != "workspace":
            yield _experiment(row, base)


def _experiment(row: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    name = "ua" if row.get("ua") is not None else "ccc"
    return {
        "run": row["Experiment"] or row["rev"],
        "corpus": row.get("corpus.name"),
        "system": row.get("system"),
        "encoders": _encoders({each: row.get(f"{each}.model") for each in _read_by(row["system"])}),
        "protocol": row.get("protocol.name"),
        "score": _TITLES[name] if row.get(name) is not None else None,
        "value": row.get(name),
        "wa": row.get("wa"),
        "changed": _changed(row, base),
    }


def _read_by(system: str) -> list[str]:
    """The encoders that a system reads; none for a system of a plug-in that is not installed."""
    known = system in plugins.names("systems")
    return [name for name in get_system(system).reads if name in ("sec", "tec")] if known else []


def _changed(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """The parameters that differ; DVC also lists dependencies, which are paths."""
    return ", ".join(
        f"{name}={value}"
        for name, value in row.items()
        if _is_parameter(name) and value != base.get(name)
    )


def _is_parameter(name: str) -> bool:
    is_single = name in ("system", "seeds", "experiment")
    return is_single or ("." in name and "/" not in name)


def _encoders(models: Mapping[str, Any]) -> str:
    """Names without their folders, once if both are the same."""
    names = {Path(str(model)).name: None for model in models.values() if model}
    return " + ".join(names)


def _score(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["value"]):
        return ""
    percent = row["score"] == _TITLES["ua"]
    numbers = [row[name] * (100 if percent else 1) for name in ("value", "low", "high")]
    value, *interval = [f"{number:.{1 if percent else 3}f}" for number in numbers]
    spread = "" if pd.isna(row["low"]) else f" ({interval[0]} to {interval[1]})"
    return f"{row['score']} {value}{spread}"
