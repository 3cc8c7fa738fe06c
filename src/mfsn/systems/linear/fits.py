"""Fit linear models to one vector per utterance. C is chosen like the epoch of a network.

A fit has one entry in its history for each value of C, with development scores for each level of
the features; C and level are chosen together. Functionals have one level only.

Shapes: U utterances, N training utterances, P values of a vector, C classes, D dimensions.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mfsn.base.progress import Progress
from mfsn.errors import TrainingError
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do
from mfsn.systems.linear.model import LinearModel
from mfsn.training.config import Rule
from mfsn.training.data.labels import Label, training_labels
from mfsn.training.experiment import Experiment
from mfsn.training.results import Result, whole_utterances, write_result
from mfsn.training.scoring import score_classes, score_dimensions
from mfsn.training.selection import Choice, best, tied_levels
from mfsn.training.summary import describe_score
from mfsn.training.system import Fits


@dataclass(frozen=True)
class Vectors:
    """One vector per level and utterance, and one label per utterance."""

    levels: Mapping[str, npt.NDArray[Any]]
    """Level to [U, P], in the order of the levels."""
    position: Mapping[str, int]
    """Utterance id to row."""
    labels: Mapping[str, Label]
    """Utterance id to class index or to values. A soft label becomes the class with most votes,
    since these linear models do not use shares."""
    copies: Sequence[npt.NDArray[Any]] = ()
    """Other vectors of the same utterances (at other speeds), in the same order; they are used
    for training only."""
    blocks: Sequence[int] = ()
    """Sizes of the blocks of a vector; empty if it is a single block."""

    def of(self, level: str, ids: Sequence[str]) -> npt.NDArray[Any]:
        """The vectors of utterances, in their order.

        Raises:
            TrainingError: if a value is not finite.
        """
        return self._finite(self.levels[level], ids)

    def with_copies(self, level: str, ids: Sequence[str]) -> npt.NDArray[Any]:
        """The vectors of utterances in their order, followed by those of their copies.

        Raises:
            TrainingError: if a value is not finite.
        """
        return np.concatenate(
            [self._finite(rows, ids) for rows in (self.levels[level], *self.copies)]
        )

    def labels_of(self, ids: Sequence[str]) -> npt.NDArray[Any]:
        """The labels of utterances, in their order."""
        return np.array([self.labels[name] for name in ids])

    def _finite(self, rows_UP: npt.NDArray[Any], ids: Sequence[str]) -> npt.NDArray[Any]:
        rows_NP = rows_UP[[self.position[name] for name in ids]]
        if not np.isfinite(rows_NP).all():
            raise TrainingError(
                "a feature is not a finite number; check the cached rows with `mfsn cache verify`"
            )
        return rows_NP


@dataclass(frozen=True)
class LinearFit:
    """A model, and how it was chosen."""

    c: float
    model: LinearModel
    converged: bool
    train_loss: float


Step = Mapping[str, LinearFit]
"""Level to the model that was fitted with one value of C."""


@dataclass(frozen=True)
class LinearFits(Fits):
    """What the linear systems share; each defines its vectors and the model that is fitted."""

    names_level: ClassVar[bool]
    """Whether what was chosen includes a level."""
    solver: ClassVar[str]
    """The solver that may fail to converge."""

    @abstractmethod
    def load(self) -> Vectors:
        """Read the vectors of all utterances.

        Raises:
            CacheError: if a row is missing or damaged.
        """

    @abstractmethod
    def model(
        self, rows_NP: npt.NDArray[Any], labels_N: npt.NDArray[Any], c: float, blocks: Sequence[int]
    ) -> tuple[LinearModel, bool]:
        """Fit one model to vectors and labels, and say whether it converged."""

    def describe(self, unit: Unit, data: Vectors, steps: Sequence[Step]) -> None:
        """Write more results of a unit's fits; by default there are none."""

    def open(self) -> Do:
        """Read the vectors."""
        data = self.load()
        return lambda unit: self.fit(unit, data)

    def fit(self, unit: Unit, data: Vectors) -> str:
        """Fit each level with each C, choose by the rules, predict, and write the unit's folder.

        Returns:
            A line for the terminal.

        Raises:
            TrainingError: if a feature is not finite, or the level of last_epoch does not exist.
        """
        selection = self.experiment.selection
        level = self._fixed_level(data)
        values = Progress(self.grid, unit.label, unit="value", in_terminal=False)
        steps = [self._step(unit, data, c) for c in values]
        history = [self._entry(unit, data, step) for step in steps]
        choices = self._choices(history, level)
        chosen = {r: steps[choice.epoch - 1][choice.level] for r, choice in choices.items()}
        choice, dev = choices[selection.rule], _dev_scores(history, choices[selection.rule])
        if selection.refit:
            larger = unit.with_development_data()
            c = chosen["held_out"].c
            chosen = {"held_out": self._fitted(larger, data, choice.level, c)}
        self.describe(unit, data, steps)
        test, kept = unit.fold.test, chosen[selection.rule]
        level_named = {"level": choice.level} if self.names_level else {}
        result = Result(
            history=history,
            chosen={**level_named, "c": kept.c, "converged": kept.converged},
            dev=dev,
            weights=kept.model.serialise(),
            segments=whole_utterances(unit, self.experiment),
            read={
                rule: fit.model.read(
                    data.of(choices[rule].level, test), self.experiment.labels.rated
                )
                for rule, fit in chosen.items()
            },
        )
        write_result(unit, self.experiment, result)
        tied = ", ".join(tied_levels(history, choice, selection.rule))
        level = f"{choice.level} (tied with {tied})" if tied else choice.level
        named = f"level {level}, " if self.names_level else ""
        line = f"{named}C {kept.c:g}, {describe_score(dev)}"
        return line if kept.converged else f"{line} ({self.solver} did not converge)"

    @property
    def grid(self) -> list[float]:
        """The values of C to choose from, followed by the fixed C if a rule is last_epoch."""
        config, rules = self.experiment.classical, self.experiment.selection.rules
        return [*config.c_grid, *([config.c] if "last_epoch" in rules else [])]

    def _fixed_level(self, data: Vectors) -> str:
        """The level of last_epoch."""
        selection, only = self.experiment.selection, next(iter(data.levels))
        if len(data.levels) == 1 or "last_epoch" not in selection.rules:
            return only
        if selection.level not in data.levels:
            raise TrainingError(
                f"params.yaml: selection.level is {selection.level}, which is no level of the "
                f"features; choose one of {', '.join(data.levels)}"
            )
        return selection.level

    def _step(self, unit: Unit, data: Vectors, c: float) -> Step:
        return {level: self._fitted(unit, data, level, c) for level in data.levels}

    def _fitted(self, unit: Unit, data: Vectors, level: str, c: float) -> LinearFit:
        shuffle = self.experiment.optimisation.shuffle_labels
        labels = training_labels(unit, data.labels, shuffle)
        rows_NP = data.with_copies(level, list(labels))
        labels_N = np.array([*labels.values()] * (1 + len(data.copies)))
        model, converged = self.model(rows_NP, labels_N, c, data.blocks)
        train_loss = score_linear(model, rows_NP, labels_N)["loss"]
        return LinearFit(c, model, converged, train_loss)

    def _entry(self, unit: Unit, data: Vectors, step: Step) -> dict[str, Any]:
        """One entry of the history; its training loss is the mean over levels."""
        rules = self.experiment.selection.rules
        splits = ("dev", "test") if "oracle_test" in rules else ("dev",)
        return {
            "c": next(iter(step.values())).c,
            "converged": all(fit.converged for fit in step.values()),
            "train_loss": float(np.mean([fit.train_loss for fit in step.values()])),
            **{split: score_step(unit, data, step, split) for split in splits},
        }

    def _choices(self, history: Sequence[Mapping[str, Any]], level: str) -> dict[Rule, Choice]:
        grid = history[: len(self.experiment.classical.c_grid)]
        fixed = Choice(len(history), level)  # after the values to choose from, see `grid`
        return {
            rule: fixed
            if rule == "last_epoch"
            else best(grid, "dev" if rule == "held_out" else "test")
            for rule in self.experiment.selection.rules
        }


def score_step(unit: Unit, data: Vectors, step: Step, split: str) -> dict[str, dict[str, float]]:
    """Level to the scores of its model on a split of the unit's fold."""
    ids = unit.fold.split(split)
    labels_N = data.labels_of(ids)
    return {
        level: score_linear(fit.model, data.of(level, ids), labels_N) for level, fit in step.items()
    }


def score_linear(
    model: LinearModel, rows_NP: npt.NDArray[Any], labels_N: npt.NDArray[Any]
) -> dict[str, float]:
    """Loss and scores of utterances: for classes, or for dimensions if labels hold several values.

    Args:
        model: fitted.
        rows_NP: one vector per utterance.
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


def labels_for(experiment: Experiment) -> Mapping[str, Label]:
    """The labels that linear models learn, by utterance id."""
    return experiment.label_of if experiment.labels.rated else experiment.class_of


def _dev_scores(history: Sequence[Mapping[str, Any]], choice: Choice) -> dict[str, float]:
    scores: dict[str, float] = history[choice.epoch - 1]["dev"][choice.level]
    return scores
