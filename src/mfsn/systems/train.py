"""The train stage: a model and predictions of the test part for every fold and seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn import runtime
from mfsn.base.files import write_json
from mfsn.base.quantities import counted
from mfsn.manifest import read_table, write_table
from mfsn.runs.outputs import copy_files, replacing_folder
from mfsn.runs.parallel import Do, run_units
from mfsn.training.config import ClassicalConfig, TrainConfig
from mfsn.training.data.memory import plan_memory
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units
from mfsn.training.results import MODEL, PREDICTIONS, predicted_names, predictions_schema_of

SCHEMA = 1
ENCODERS = ("sec", "tec")


def run_train(
    experiment: Experiment,
    config: TrainConfig,
    classical: ClassicalConfig,
    jobs: int | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Train (or export) every fold and seed, and write the models and segment_predictions.parquet.

    models/ holds run.json, which says what ran, and a folder a unit with model.json,
    model.safetensors and history.json. Predictions stand in the order of folds, seeds, rules and
    segments. Both are written when all units are finished.

    Args:
        experiment: what to run; for system `mfsn` its search must have run.
        config: what to make of the genotypes.
        classical: for the systems `classical` and `probe`.
        jobs: units at once; by default as this machine has processors and memory for.
        say: takes a line about each finished unit.

    Raises:
        MfsnError: a subclass that says why the inputs, the folds or a unit cannot be used; see
            `Experiment`, `run_units` and the functions that train a unit.
    """
    units = plan_units(experiment, "train", MODEL, _decides(experiment, config, classical))
    waiting = [unit for unit in units if not unit.finished]
    exporting = experiment.system == "mfsn" and config.network == "export"
    # Exporting predicts the test parts and no more: sooner done than workers are started.
    plan = plan_memory(experiment, len(waiting), jobs or (1 if exporting else None))
    work = TrainWork(experiment, config, classical, plan.streaming)
    for unit, line in run_units(waiting, work, plan.jobs):
        say(f"{unit.label}: {line}")
    schema = predictions_schema_of(experiment.labels)
    predictions = pd.concat([read_table(unit.folder / PREDICTIONS, schema) for unit in units])
    write_table(experiment.outputs.segment_predictions, predictions, schema)
    with replacing_folder(experiment.outputs.models) as folder:
        for unit in units:
            copy_files(unit.folder, folder / unit.name, leave=(PREDICTIONS,))
        write_json(folder / "run.json", _about_run(experiment, config, classical))
    say(f"train: {counted(len(units), 'unit')}, {len(waiting)} computed now, "
        f"{len(units) - len(waiting)} from before")  # fmt: skip


@dataclass(frozen=True)
class TrainWork:
    """Training units of an experiment."""

    experiment: Experiment
    config: TrainConfig
    classical: ClassicalConfig
    streaming: bool
    """See `mfsn.training.data.memory.MemoryPlan`."""

    def open(self) -> Do:
        """Read the rows of the corpus, or open the store."""
        if self.experiment.system == "classical":
            from mfsn.systems.classical import load_functionals, train_classical_unit

            functionals = load_functionals(self.experiment)
            return lambda u: train_classical_unit(u, self.experiment, self.classical, functionals)

        if self.experiment.system == "probe":
            from mfsn.systems.probe import Task, load_means, train_probe_unit

            means = load_means(self.experiment)
            return lambda u: train_probe_unit(Task(u, self.experiment, self.classical, means))

        from mfsn.systems.network import train_network_unit
        from mfsn.training.data.fold_data import load_data
        from mfsn.training.data.rows import saying_share

        data = load_data(self.experiment, runtime.device(), self.streaming)
        return saying_share(
            lambda unit: train_network_unit(unit, self.experiment, self.config, data), data.rows
        )


def _decides(
    experiment: Experiment, config: TrainConfig, classical: ClassicalConfig
) -> dict[str, Any]:
    """What decides a unit's result beside the experiment: parameters, and what the search found."""
    if experiment.system in ("classical", "probe"):
        return {"": classical.model_dump(mode="json")}
    if experiment.system != "mfsn":
        return {}
    found = {
        folder.name: [[path.name, _sha256(path)] for path in sorted(folder.iterdir())]
        for folder in sorted(experiment.outputs.search.glob("*/"))
    }
    return {"": config.model_dump(mode="json"), **found}


def _about_run(
    experiment: Experiment, config: TrainConfig, classical: ClassicalConfig
) -> dict[str, Any]:
    digests = experiment.digests
    sections = ("model", "segment", "optimisation", "search", "selection", "corruption")
    independent = all(fold.speaker_independent for fold in experiment.folds)
    return {
        "schema": SCHEMA,
        "system": experiment.system,
        "corpus": experiment.outputs.corpus,
        **predicted_names(experiment.labels),
        "protocol": experiment.protocol.model_dump(mode="json")
        | {"speaker_independent": independent},
        "encoders": {
            name: _about_encoder(digest.about)
            for name, digest in digests.items()
            if name in ENCODERS
        },
        "seeds": list(experiment.seeds),
        "folds": [fold.name for fold in experiment.folds],
        **{name: getattr(experiment, name).model_dump(mode="json") for name in sections},
        "train": config.model_dump(mode="json"),
        "classical": classical.model_dump(mode="json"),
        "features": {
            name: {"about": digest.about, "recipe": digest.recipe, "store": digest.store}
            for name, digest in digests.items()
        },
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
