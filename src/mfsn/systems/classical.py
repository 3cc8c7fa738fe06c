"""Training one unit of the classical baseline: C is chosen as epochs are elsewhere.

Its history has one entry a value of C, and its model sees whole utterances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.errors import TrainingError
from mfsn.runs.unit import Unit
from mfsn.systems.linear_model import LinearModel, fit_linear, fit_ridge, fit_ridge_classes
from mfsn.training.config import ClassicalConfig, Rule
from mfsn.training.data.labels import Label, training_labels
from mfsn.training.experiment import Experiment
from mfsn.training.results import Result, write_result
from mfsn.training.scoring import score_classes, score_dimensions
from mfsn.training.selection import Choice, History, best
from mfsn.training.summary import describe_scores

LEVEL = "functionals"
"""Stands where networks name the SEC level."""


@dataclass(frozen=True)
class Functionals:
    """One row of functionals and one label an utterance."""

    rows_UP: npt.NDArray[Any]
    copies: Sequence[npt.NDArray[Any]]
    """Rows of each utterance's copies at other speeds, in the same order: more to train on."""
    blocks: Sequence[int]
    """Sizes of the blocks of functionals that a row joins; empty where it is a single one."""
    position: Mapping[str, int]
    """Utterance id to row."""
    labels: Mapping[str, Label]
    """Utterance id to class index or to values. This system takes of a soft label the class with
    most votes, since a support vector machine knows no shares."""

    def of(self, ids: Sequence[str]) -> npt.NDArray[Any]:
        """The rows of utterances, in their order.

        Raises:
            TrainingError: if a functional is not finite.
        """
        return self._finite(self.rows_UP, ids)

    def with_copies(self, ids: Sequence[str]) -> npt.NDArray[Any]:
        """The rows of utterances, in their order, then those of their copies, speed by speed.

        Raises:
            TrainingError: if a functional is not finite.
        """
        return np.concatenate([self._finite(rows, ids) for rows in (self.rows_UP, *self.copies)])

    def _finite(self, rows_UP: npt.NDArray[Any], ids: Sequence[str]) -> npt.NDArray[Any]:
        rows_NP = rows_UP[[self.position[name] for name in ids]]
        if not np.isfinite(rows_NP).all():
            raise TrainingError(
                "a functional is not a finite number; check them with `mfsn cache verify`"
            )
        return rows_NP


@dataclass(frozen=True)
class LinearFit:
    """A model and how it came about."""

    c: float
    model: LinearModel
    converged: bool
    train_loss: float


def load_functionals(experiment: Experiment) -> Functionals:
    """Read the functionals of all utterances.

    Raises:
        CacheError: if a row is missing or damaged.
    """
    ids = experiment.manifest["utterance_id"].tolist()
    rows, *copies = experiment.reader("functionals").read(ids).values()
    blocks = experiment.digests["functionals"].about.get("blocks", ())
    labels = experiment.label_of if experiment.labels.rated else experiment.class_of
    return Functionals(rows, copies, blocks, {name: i for i, name in enumerate(ids)}, labels)


def train_classical_unit(
    unit: Unit, experiment: Experiment, config: ClassicalConfig, data: Functionals
) -> str:
    """Fit a fold for each C, choose by the rules, predict the test part, and write the folder.

    Returns:
        A line for the terminal.

    Raises:
        TrainingError: if a functional is not finite.
    """
    selection = experiment.selection
    fits = [_fit(unit, experiment, config, data, c) for c in grid_of(selection.rules, config)]
    history = [_entry(i, fit, unit, selection.rules, data) for i, fit in enumerate(fits, start=1)]
    choices = _choose(history, selection.rules, config)
    chosen = {rule: fits[choice.epoch - 1] for rule, choice in choices.items()}
    if selection.refit:
        larger = unit.with_development_data()
        chosen = {r: _fit(larger, experiment, config, data, f.c) for r, f in chosen.items()}
    test = data.of(unit.fold.test)
    kept = chosen[selection.rule]
    result = Result(
        history=history,
        refit_history=[],
        choices=choices,
        weights=kept.model.serialise(),
        about={"c": kept.c, "converged": kept.converged},
        segments=whole_utterances(unit, experiment),
        read={rule: read_linear(fit.model, test, experiment) for rule, fit in chosen.items()},
    )
    write_result(unit, experiment, result)
    line = f"C {kept.c:g}, {describe_scores(history, choices[selection.rule])}"
    return line if kept.converged else f"{line} (liblinear did not converge)"


def grid_of(rules: Sequence[Rule], config: ClassicalConfig) -> list[float]:
    """The grid of C, and behind it the fixed C where last_epoch asks for it."""
    return [*config.c_grid, *([config.c] if "last_epoch" in rules else [])]


def _fit(
    unit: Unit, experiment: Experiment, config: ClassicalConfig, data: Functionals, c: float
) -> LinearFit:
    labels = training_labels(unit, data.labels, experiment.optimisation.shuffle_labels)
    rows_NP = data.with_copies(list(labels))
    labels_N = np.array([*labels.values()] * (1 + len(data.copies)))
    blocks = data.blocks if config.scaling == "blocks" else ()
    balanced, converged = experiment.optimisation.class_weights, True
    if experiment.labels.rated:
        model = fit_ridge(rows_NP, labels_N, c=c, blocks=blocks)
    elif config.classifier == "ridge":
        model = fit_ridge_classes(rows_NP, labels_N, c=c, balanced=balanced, blocks=blocks)
    else:
        model, converged = fit_linear(
            rows_NP, labels_N, c=c, balanced=balanced, max_iter=config.max_iter
        )
    train_loss = score_linear(model, rows_NP, labels_N)["loss"]
    return LinearFit(c, model, converged, train_loss)


def _entry(
    number: int, fit: LinearFit, unit: Unit, rules: Sequence[Rule], data: Functionals
) -> dict[str, Any]:
    splits = ("dev", "test") if "oracle_test" in rules else ("dev",)
    scored = {}
    for split in splits:
        ids = unit.fold.split(split)
        labels_N = np.array([data.labels[name] for name in ids])
        scored[split] = {LEVEL: score_linear(fit.model, data.of(ids), labels_N)}
    return {
        "epoch": number,
        "c": fit.c,
        "converged": fit.converged,
        "train_loss": fit.train_loss,
        "levels_drawn": {},
        "alpha_weights": [],
        "entropy": [],
        **scored,
    }


def score_linear(
    model: LinearModel, rows_NP: npt.NDArray[Any], labels_N: npt.NDArray[Any]
) -> dict[str, float]:
    """Loss and scores of utterances: of classes, or of dimensions where labels have several.

    Args:
        model: fitted.
        rows_NP: one vector an utterance.
        labels_N: class indices, or values [N, D].
    """
    if labels_N.ndim > 1:
        found = score_dimensions(model.values(rows_NP), labels_N, np.arange(len(labels_N)))
        return {"loss": found["mse"], **found}
    log_posterior_NC = model.log_posteriors(rows_NP)
    loss = -log_posterior_NC[np.arange(len(labels_N)), labels_N].mean()
    return {
        "loss": float(loss),
        **score_classes(log_posterior_NC, labels_N, np.arange(len(labels_N))),
    }


def read_linear(
    model: LinearModel, rows_NP: npt.NDArray[Any], experiment: Experiment
) -> npt.NDArray[np.float64]:
    """What a model predicts: log-posteriors of classes, or values of dimensions, [N, C].

    Args:
        model: fitted.
        rows_NP: one vector an utterance.
        experiment: says which.
    """
    return model.values(rows_NP) if experiment.labels.rated else model.log_posteriors(rows_NP)


def _choose(history: History, rules: Sequence[Rule], config: ClassicalConfig) -> dict[Rule, Choice]:
    grid = history[: len(config.c_grid)]
    fixed = Choice(len(history), LEVEL)  # behind the grid, see `grid_of`
    return {
        rule: fixed if rule == "last_epoch" else best(grid, "dev" if rule == "held_out" else "test")
        for rule in rules
    }


def whole_utterances(unit: Unit, experiment: Experiment) -> pd.DataFrame:
    """The utterances of the test part as if each were one segment: a line of predictions each."""
    valid = experiment.segments.groupby("utterance_id")["valid_samples"].sum()
    ids = list(unit.fold.test)
    return pd.DataFrame(
        {
            "segment_id": [f"{name}#all" for name in ids],
            "utterance_id": ids,
            "valid_samples": valid.loc[ids].to_numpy(),
        }
    )
