"""The train stage: a model and predictions of the test data for every fold and seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.base.files import write_json
from mfsn.manifest import read_table, segment_predictions_schema, write_table
from mfsn.runs.outputs import copy_files, replacing_folder
from mfsn.systems.units import closing_line, run_waiting
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units
from mfsn.training.results import MODEL, PREDICTIONS, predicted_names
from mfsn.training.system import fits_of

SCHEMA = 1
NO_WEIGHTS = "none"
"""What an extractor without an encoder says about its weights."""


def run_train(
    experiment: Experiment, jobs: int | None = None, say: Callable[[str], None] = print
) -> None:
    """Train (or export) every fold and seed, and write the models and segment_predictions.parquet.

    models/ holds run.json, which says what ran, and one folder per unit with model.json,
    model.safetensors and history.json. Predictions are in the order of folds, seeds, rules and
    segments. Both are written when all units are finished.

    Args:
        experiment: what to run. If its system has a search, the search must be finished.
        jobs: units at once; by default as many as this machine has processors and memory for.
        say: takes one line about each finished unit.

    Raises:
        MfsnError: a subclass that says why the inputs, the folds or a unit cannot be used; see
            `Experiment`, `run_units` and the system's fits.
    """
    experiment.refuse_unlike_frames()
    units = plan_units(experiment, "train", MODEL, _found(experiment))
    computed = run_waiting(units, experiment, fits_of(experiment.system), jobs, say)
    schema = segment_predictions_schema(experiment.labels.classes, experiment.labels.rated)
    predictions = pd.concat([read_table(unit.folder / PREDICTIONS, schema) for unit in units])
    write_table(experiment.outputs.segment_predictions, predictions, schema)
    with replacing_folder(experiment.outputs.models) as folder:
        for unit in units:
            copy_files(unit.folder, folder / unit.name, leave=(PREDICTIONS,))
        write_json(folder / "run.json", about_run(experiment))
    say(closing_line("train", len(units), computed))


def _found(experiment: Experiment) -> dict[str, Any]:
    """For each unit, the hashes of what its search wrote; empty for a system without a search."""
    if experiment.system.search is None:
        return {}
    return {
        folder.name: [[path.name, _sha256(path)] for path in sorted(folder.iterdir())]
        for folder in sorted(experiment.outputs.search.glob("*/"))
    }


def about_run(experiment: Experiment) -> dict[str, Any]:
    """What run.json says: all that the report and prediction need to know about a run."""
    system, digests = experiment.system, experiment.digests
    independent = all(fold.speaker_independent for fold in experiment.folds)
    return {
        "schema": SCHEMA,
        "system": system.name,
        "title": system.title,
        "description": system.description,
        "searched": system.search is not None,
        "pieces": system.pieces,
        "corpus": experiment.outputs.corpus,
        **predicted_names(experiment.labels),
        "protocol": experiment.protocol.model_dump(mode="json")
        | {"speaker_independent": independent},
        "encoders": {
            name: _about_encoder(digest.about)
            for name, digest in digests.items()
            if digest.about["weights"] != NO_WEIGHTS
        },
        "seeds": list(experiment.seeds),
        "folds": [fold.name for fold in experiment.folds],
        "segment": experiment.segment.model_dump(mode="json"),
        "selection": experiment.selection.model_dump(mode="json"),
        "corruption": experiment.corruption.model_dump(mode="json"),
        "parameters": experiment.parameters("train"),
        "features": {
            name: {"about": digest.about, "recipe": digest.recipe, "store": digest.store}
            for name, digest in digests.items()
        },
        **fits_of(system).about(experiment),
    }


def _about_encoder(about: Mapping[str, Any]) -> dict[str, Any]:
    config = about["config"]
    return {
        "model": config["model"],
        "revision": config["revision"],
        "levels": config["levels"],
        "weights": about["weights"],
        "trained": False,  # cached rows come from frozen encoders
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
