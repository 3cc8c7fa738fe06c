"""The tables and lists of the report, as plain rows for the template."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mfsn.config import plain
from mfsn.evaluation import classes
from mfsn.report.experiment.facts import rule_text
from mfsn.report.experiment.run import Run, Unit
from mfsn.training.selection import Choice, tied_levels
from mfsn.training.summary import drops_tec, is_undecided

WORST = 10
"""How many utterances a list of mistakes shows."""
SPEAKERS = 8
"""If a fold has more test speakers, they are counted and not named."""


def folds(run: Run) -> list[dict[str, Any]]:
    """One row per fold: its speakers, size and scores."""
    speaker = run.manifest.set_index("utterance_id")["speaker"]
    tested = run.predictions.assign(speaker=run.predictions["utterance_id"].map(speaker))
    heard = {fold: sorted(set(group["speaker"].dropna())) for fold, group in tested.groupby("fold")}
    return [
        scores | {"fold": fold, "speakers": _shown(heard[fold])}
        for fold, scores in run.scores["folds"].items()
    ]


def matrix(run: Run) -> list[dict[str, Any]]:
    """One row per training corpus, one cell per test corpus; empty for other protocols.

    A cell whose pair no fold tests has no scores.
    """
    pairs = {(pair["train"], pair["test"]): pair for pair in run.scores.get("matrix", [])}
    trained, tested = (dict.fromkeys(pair[side] for pair in pairs) for side in (0, 1))
    return [
        {"train": a, "cells": [pairs.get((a, b), {"train": a, "test": b}) for b in tested]}
        for a in trained
    ]


def confusion(run: Run) -> list[dict[str, Any]]:
    """One row per labelled class: counts over all folds and seeds, and their shares of the row."""
    matrix = classes.confusion(run.predictions, run.classes)
    return [
        {"label": label, "cells": [(int(n), n / max(row.sum(), 1)) for n in row]}
        for label, row in zip(run.classes, matrix, strict=True)
    ]


def mistakes(run: Run) -> list[dict[str, Any]]:
    """The wrong decisions with the largest posteriors."""
    wrong = run.predictions[run.predictions["label"] != run.predictions["predicted"]]
    posteriors = wrong[[f"posterior_{name}" for name in run.classes]].max(axis=1)
    return worst(run, wrong.assign(posterior=posteriors), "posterior")


def worst(run: Run, predictions: pd.DataFrame, column: str) -> list[dict[str, Any]]:
    """The utterances with the largest values in a column, each once, with their transcripts."""
    said = run.manifest[["utterance_id", "transcript"]].fillna({"transcript": ""})
    ordered = predictions.merge(said, on="utterance_id").sort_values(
        [column, "utterance_id", "seed"], ascending=[False, True, True]
    )
    shown = ordered.drop_duplicates("utterance_id").head(WORST)
    return [dict(zip(shown.columns, row, strict=True)) for row in shown.to_numpy(object)]


def architectures(run: Run) -> list[dict[str, Any]]:
    """One row per unit and Fusion Cell: level and operation, and how clear each choice was."""
    return [
        _architecture(unit, number, cell)
        for unit in run.units
        for number, cell in enumerate(unit.genotype.get("cells", []), start=1)
    ]


def costs(run: Run) -> list[dict[str, Any]]:
    """One row per unit of a linear system: the C that was chosen."""
    return [unit.model | {"unit": unit} for unit in run.units if "c" in unit.model]


def compared(run: Run) -> list[dict[str, Any]]:
    """One row per selection rule; the first is the one that counts, differences are to it."""
    rules = {run.scores["selection"]: run.scores, **run.scores.get("compared", {})}
    names = ("ccc", "mse") if run.dimensions else ("ua", "wa", "macro_f1")
    return [
        {
            "rule": rule,
            "meaning": rule_text(run, rule),
            **{name: scores[name] for name in names},
            "difference": scores[names[0]] - run.scores[names[0]],
        }
        for rule, scores in rules.items()
    ]


def drawn(run: Run) -> str:
    """What the bootstrap of the intervals draws from, in words; empty without intervals."""
    counts = run.scores.get("intervals", {})
    unknown = "utterances" if not counts.get("speakers") else "utterances of unknown speakers"
    parts = (("speakers", "speakers"), ("utterances", unknown))
    return " and ".join(f"{counts[name]} {text}" for name, text in parts if counts.get(name))


def data(run: Run) -> dict[str, Any]:
    """Utterances and minutes per class, and what `prepare` left out."""
    groups = run.manifest.groupby("emotion")["duration_s"]
    minutes, counts = groups.sum() / 60, groups.size()
    rows = [(name, int(counts.get(name, 0)), minutes.get(name, 0.0)) for name in run.classes]
    return run.excluded | {"classes": rows}


def features(run: Run) -> list[dict[str, Any]]:
    """One row per extractor: its weights, its version and the store directory of its rows."""
    return [
        {
            "extractor": name,
            "weights": digest["about"]["weights"],
            "version": digest["recipe"]["version"],
            "store": digest["store"],
        }
        for name, digest in run.about["features"].items()
    ]


def parameters(run: Run) -> list[tuple[str, str]]:
    """Every parameter that the results depend on, and the identity of each unit.

    Parameters are pairs of dotted name and value. The identity of a unit is a hash over everything
    that its result depends on: parameters, data, features and code.
    """
    about = run.about
    sections = {
        **run.preparation,
        "segment": about["segment"],
        **{name: digest["about"]["config"] for name, digest in about["features"].items()},
        "protocol": about["protocol"],
        **about["parameters"],
        "selection": about["selection"],
        "evaluate": run.scores["decision"],
    }
    values = [
        (f"{s}.{name}", plain(v)) for s, section in sections.items() for name, v in section.items()
    ]
    identities = [(f"run of {unit.name}", unit.model["run"]) for unit in run.units]
    return [("system", about["system"]), ("seeds", plain(about["seeds"])), *values, *identities]


def _architecture(unit: Unit, number: int, cell: Mapping[str, Any]) -> dict[str, Any]:
    weight = max(cell["weights"])
    return {
        "unit": unit,
        "cell": number,
        "cells": len(unit.genotype["cells"]),
        "count": len(cell["weights"]),
        "epoch": unit.model["epoch"],
        "level": unit.model["level"],
        "tied": _tied(unit),
        "operation": cell["chosen"],
        "weight": weight,
        "entropy": cell["entropy"],
        "largest": math.log(len(cell["weights"])),
        "undecided": is_undecided(cell["weights"]),
        "drops_tec": drops_tec(cell["chosen"], weight),
    }


def _tied(unit: Unit) -> list[str]:
    """The levels that were as good as the chosen one on the data that chose."""
    model = unit.model
    choice = Choice(model["epoch"], model["level"])
    return tied_levels(unit.curves, choice, model["rule"]) if unit.curves else []


def _shown(speakers: list[str]) -> str:
    if len(speakers) > SPEAKERS:
        return f"{len(speakers)} speakers"
    return ", ".join(speakers) or "unknown"
