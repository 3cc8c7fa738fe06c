"""The results of training a unit: its model, how it was chosen, and predictions of test data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.files import write_bytes, write_json
from mfsn.corpora.config import LabelsConfig
from mfsn.errors import TrainingError
from mfsn.manifest import (
    LABEL,
    MEAN,
    PREDICTED,
    segment_predictions_schema,
    write_table,
)
from mfsn.runs.unit import Unit
from mfsn.training.config import Rule
from mfsn.training.experiment import Experiment

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
    chosen: Mapping[str, Any]
    """The choice of the rule that counts, such as epoch and level."""
    dev: Mapping[str, float]
    """Scores of the choice on development data; empty if there are no such data."""
    weights: bytes
    """safetensors of the rule that counts."""
    segments: pd.DataFrame
    """What is predicted: `segment_id`, `utterance_id` and `valid_samples` count."""
    read: Mapping[Rule, npt.NDArray[np.float64]]
    """What each rule's model predicts: log-posteriors, (segments, classes), or values in the unit
    of the labels, (segments, dimensions)."""
    refit_history: Sequence[Mapping[str, Any]] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    """More entries of model.json."""


def write_result(unit: Unit, experiment: Experiment, result: Result) -> None:
    """Write a unit's folder; model.json is written last and says that it is finished.

    Raises:
        TrainingError: if what is predicted is not finite.
    """
    schema = segment_predictions_schema(experiment.labels.classes, experiment.labels.rated)
    write_table(unit.folder / PREDICTIONS, _predictions(unit, experiment, result), schema)
    write_bytes(unit.folder / WEIGHTS, result.weights)
    write_json(unit.folder / HISTORY, list(result.history))
    if result.refit_history:
        write_json(unit.folder / REFIT_HISTORY, list(result.refit_history))
    write_json(unit.folder / MODEL, _record(unit, experiment, result))


def _record(unit: Unit, experiment: Experiment, result: Result) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        **unit.identity,
        "system": experiment.system.name,
        **predicted_names(experiment.labels),
        "rule": experiment.selection.rule,
        "refit": experiment.selection.refit,
        **result.chosen,
        "dev": dict(result.dev),
        "segment": experiment.segment.model_dump(mode="json"),
        **result.about,
    }


def whole_utterances(unit: Unit, experiment: Experiment) -> pd.DataFrame:
    """The test utterances, each as one segment: one line of predictions per utterance."""
    valid = experiment.segments.groupby("utterance_id")["valid_samples"].sum()
    ids = list(unit.fold.test)
    return pd.DataFrame(
        {
            "segment_id": [f"{name}#all" for name in ids],
            "utterance_id": ids,
            "valid_samples": valid.loc[ids].to_numpy(),
        }
    )


def predicted_names(labels: LabelsConfig) -> dict[str, list[str]]:
    """What model.json and run.json say about the target: `classes`, and for values `dimensions`."""
    rated = {"dimensions": labels.rated} if labels.rated else {}
    return {"classes": list(labels.classes), **rated}


def _predictions(unit: Unit, experiment: Experiment, result: Result) -> pd.DataFrame:
    segments = result.segments[["segment_id", "utterance_id", "valid_samples"]]
    emotions = experiment.manifest.set_index("utterance_id")["emotion"]
    tables = []
    for rule, read_N in result.read.items():
        if not np.isfinite(read_N).all():
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
        tables.append(table.assign(**_columns(unit, experiment, segments["utterance_id"], read_N)))
    return pd.concat(tables, ignore_index=True)


def _columns(
    unit: Unit, experiment: Experiment, utterances: pd.Series, read_N: npt.NDArray[np.float64]
) -> dict[str, Any]:
    """The columns of a table of predictions that are about its target."""
    dimensions = experiment.labels.rated
    if not dimensions:
        names = [f"log_posterior_{name}" for name in experiment.labels.classes]
        return dict(zip(names, read_N.T, strict=True))
    ratings = experiment.manifest.set_index("utterance_id")[dimensions]
    refitted = unit.fold.dev if experiment.selection.refit else ()
    mean = ratings.loc[[*unit.fold.train, *refitted]].mean()
    predicted = dict(zip(dimensions, read_N.T, strict=True))
    return (
        {LABEL + name: utterances.map(ratings[name]) for name in dimensions}
        | {PREDICTED + name: predicted[name] for name in dimensions}
        | {MEAN + name: mean[name] for name in dimensions}
    )
