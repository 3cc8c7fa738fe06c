"""From a fold to a trained network: data, labels, selection and refitting."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mfsn.models.base import Network
from mfsn.runs.checkpoint import epoch_weights
from mfsn.runs.unit import Unit
from mfsn.training.bilevel import require_every_class, split_for_alpha
from mfsn.training.config import Rule, SelectionConfig
from mfsn.training.data.corruption import corrupted_rows
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.data.labels import Label, training_labels
from mfsn.training.experiment import Experiment
from mfsn.training.fit import Task, fit
from mfsn.training.selection import Choice
from mfsn.training.system import builder_of

Fix = Callable[[Any], None]
"""Fixes the architecture of a fresh network."""

WORK = "work"
"""The folder for checkpoints in a unit's folder; it is deleted when the unit is finished."""


@dataclass(frozen=True)
class Trained:
    """A trained unit."""

    history: list[dict[str, Any]]
    """See `mfsn.training.fit.Fitted`."""
    choices: dict[Rule, Choice]
    weights: dict[Rule, Path]
    """Files with the weights of each rule, until `tidy`."""
    refit_history: list[dict[str, Any]]
    """History of training again on training and development data; empty without refit."""

    def scores(self, split: Literal["dev", "test"], rule: Rule) -> dict[str, float]:
        """The scores of the epoch and level that a rule chose."""
        choice = self.choices[rule]
        found: dict[str, float] = self.history[choice.epoch - 1][split][choice.level]
        return found


def make_network(
    experiment: Experiment, data: TrainingData, fix: Fix | None = None, pretrained: bool = True
) -> Network:
    """A fresh network of the experiment, from torch's global generator.

    Args:
        experiment: system, sizes and classes.
        data: says the shapes of its inputs.
        fix: fixes the architecture; by default alpha is searched.
        pretrained: as in `build_network`; False where weights are loaded next.
    """
    system = experiment.system
    network = builder_of(system)(
        system.network, experiment.own or experiment.model, data.shapes,
        len(experiment.labels.classes), dimensions=len(experiment.labels.rated),
        pretrained=pretrained,
        **({"alpha_init_std": experiment.search.alpha_init_std} if system.search else {}),
    )  # fmt: skip
    if fix is not None:
        fix(network)
    return network


def derived(operations: Sequence[str]) -> Fix:
    """Fixes each Fusion Cell to one operation."""
    return lambda network: network.derive(operations)


def train_on_fold(
    unit: Unit,
    experiment: Experiment,
    data: TrainingData,
    fix: Fix | None = None,
    levels: Sequence[str] | None = None,
) -> Trained:
    """Train a unit's network.

    Args:
        unit: fold, seed and working folder.
        experiment: the parameters.
        data: all rows of the corpus.
        fix: fixes the architecture of a fresh network; by default alpha is searched.
        levels: levels to draw and choose from; by default all that the network can choose.

    Raises:
        TrainingError: if a loss is not finite, a checkpoint is damaged, or bilevel search cannot
            divide the training data (see `mfsn.training.bilevel`).
        ConfigError: if last_epoch is to be evaluated at a level that does not exist.
    """
    work = unit.folder / WORK / "selection"
    task = _task(unit, experiment, data, fix, levels)
    fitted = fit(task, corrupted_rows(unit, experiment, data), data.device, work)
    if not experiment.selection.refit:
        weights = {r: epoch_weights(work, choice.epoch) for r, choice in fitted.choices.items()}
        return Trained(fitted.history, fitted.choices, weights, [])
    work = unit.folder / WORK / "refit"
    larger = _with_development_data(fitted.choices["held_out"], unit, experiment)
    rows = corrupted_rows(*larger, data)
    refitted = fit(_task(*larger, data, fix, levels), rows, data.device, work)
    last = epoch_weights(work, len(refitted.history))
    return Trained(fitted.history, fitted.choices, {"held_out": last}, refitted.history)


def tidy(unit: Unit) -> None:
    """Delete the checkpoints of a finished unit."""
    shutil.rmtree(unit.folder / WORK, ignore_errors=True)


def _halves(
    unit: Unit, experiment: Experiment, labels: Mapping[str, Label]
) -> tuple[list[str], list[str]]:
    """The training utterances for the weights and those for alpha."""
    weights, alpha = split_for_alpha(unit, experiment.speaker_of, experiment.search.alpha_share)
    for half, ids in (("the weights", weights), ("alpha", alpha)):
        require_every_class(unit, half, [labels[name] for name in ids], experiment.labels)
    return weights, alpha


def _task(
    unit: Unit,
    experiment: Experiment,
    data: TrainingData,
    fix: Fix | None,
    levels: Sequence[str] | None,
) -> Task:
    fold, optimisation = unit.fold, experiment.optimisation
    labels = training_labels(unit, data.labels, optimisation.shuffle_labels)
    bilevel = fix is None and experiment.system.search and experiment.search.mode == "bilevel"
    weights, alpha = _halves(unit, experiment, labels) if bilevel else (list(fold.train), [])
    oracle = "oracle_test" in experiment.selection.rules
    return Task(
        who=unit.label,
        seed=unit.random_seed("network"),
        make_network=lambda: make_network(experiment, data, fix),
        levels=levels,
        train=data.part(weights, labels),
        alpha=data.part(alpha, labels) if alpha else None,
        scaling=data.part(fold.train),
        dev=data.part(fold.dev) if fold.dev else None,
        test=data.part(fold.test) if oracle else None,
        optimisation=optimisation,
        search=experiment.search,
        selection=experiment.selection,
    )


def _with_development_data(
    choice: Choice, unit: Unit, experiment: Experiment
) -> tuple[Unit, Experiment]:
    """Train again on more data, for the chosen number of epochs, at the chosen level."""
    optimisation = experiment.optimisation.model_copy(update={"epochs": choice.epoch})
    selection = SelectionConfig(rule="last_epoch", level=choice.level)
    limited = replace(experiment, optimisation=optimisation, selection=selection)
    return unit.with_development_data(), limited
