"""What training a unit leaves: its model, how it was chosen, and predictions of the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.errors import TrainingError
from mfsn.files import write_bytes, write_json
from mfsn.manifest import segment_predictions_schema, write_table
from mfsn.training.config import Rule
from mfsn.training.experiment import Experiment
from mfsn.training.selection import Choice
from mfsn.training.units import Unit

SCHEMA = 1
MODEL = "model.json"
WEIGHTS = "model.safetensors"
HISTORY = "history.json"
REFIT_HISTORY = "refit.json"
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Result:
    """A trained unit, in memory."""

    history: Sequence[Mapping[str, Any]]
    refit_history: Sequence[Mapping[str, Any]]
    choices: Mapping[Rule, Choice]
    weights: bytes
    """safetensors of the rule that counts."""
    about: Mapping[str, Any]
    """What else model.json says."""
    segments: pd.DataFrame
    """What is predicted: `segment_id`, `utterance_id` and `valid_samples` count."""
    log_posteriors: Mapping[Rule, npt.NDArray[np.float64]]
    """Of each rule's model, (segments, classes)."""


def write_result(unit: Unit, experiment: Experiment, result: Result) -> None:
    """Write a unit's folder; model.json comes last and says that it is finished.

    Raises:
        TrainingError: if a log-posterior is not finite.
    """
    rule = experiment.selection.rule
    choice = result.choices[rule]
    record = {
        "schema": SCHEMA,
        "run": unit.run,
        "fold": unit.fold.name,
        "seed": unit.seed,
        "system": experiment.system,
        "classes": list(experiment.labels.classes),
        "rule": rule,
        "refit": experiment.selection.refit,
        "epoch": choice.epoch,
        "level": choice.level,
        "dev": result.history[choice.epoch - 1]["dev"][choice.level],
        "model": experiment.model.model_dump(mode="json"),
        "segment": experiment.segment.model_dump(mode="json"),
        **result.about,
    }
    schema = segment_predictions_schema(experiment.labels.classes)
    write_table(unit.folder / PREDICTIONS, _predictions(unit, experiment, result), schema)
    write_bytes(unit.folder / WEIGHTS, result.weights)
    write_json(unit.folder / HISTORY, list(result.history))
    if result.refit_history:
        write_json(unit.folder / REFIT_HISTORY, list(result.refit_history))
    write_json(unit.folder / MODEL, record)


def _predictions(unit: Unit, experiment: Experiment, result: Result) -> pd.DataFrame:
    segments = result.segments[["segment_id", "utterance_id", "valid_samples"]]
    emotions = experiment.manifest.set_index("utterance_id")["emotion"]
    tables = []
    for rule, log_posterior_NC in result.log_posteriors.items():
        if not np.isfinite(log_posterior_NC).all():
            raise TrainingError(
                f"{unit.label}: a score of a test segment is not a finite number; check the "
                "features with `mfsn cache verify`"
            )
        table = segments.assign(
            fold=unit.fold.name,
            seed=unit.seed,
            selection=rule,
            label=segments["utterance_id"].map(emotions),
            run=unit.run,
        )
        for index, name in enumerate(experiment.labels.classes):
            table[f"log_posterior_{name}"] = log_posterior_NC[:, index]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
