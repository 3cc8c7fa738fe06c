"""Training one unit of linear probes: one a level of SEC, of which development data choose.

The history has one entry a value of C, with the development scores of every level; C and the level
are chosen together, as epoch and level are elsewhere. Test scores of every level stand in
levels.json: they describe the encoder, and nothing is chosen by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float32
from mfsn.base.files import write_json
from mfsn.errors import TrainingError
from mfsn.runs.unit import Unit
from mfsn.systems.classical import (
    LinearFit,
    grid_of,
    read_linear,
    score_linear,
    whole_utterances,
)
from mfsn.systems.linear_model import fit_ridge
from mfsn.systems.probe_fit import fit_logistic, segment_means, utterance_means
from mfsn.training.config import ClassicalConfig, Rule, SelectionConfig
from mfsn.training.data.labels import Label, training_labels
from mfsn.training.experiment import Experiment
from mfsn.training.results import Result, write_result
from mfsn.training.selection import Choice, History, best
from mfsn.training.summary import describe_scores

LEVELS = "levels.json"
DESCRIPTIVE = "test scores of levels are descriptive: nothing was chosen by them"
READ_SEGMENTS = 512
"""Segments of a level that are in memory together."""

Split = Literal["dev", "test"]
SCORED: tuple[Split, ...] = ("dev", "test")

Fits = Mapping[str, LinearFit]
"""Level to its probe."""


@dataclass(frozen=True)
class Means:
    """One vector a level and one label an utterance."""

    levels: Mapping[str, Float32]
    """Level to (utterances, width), in the order of the levels."""
    position: Mapping[str, int]
    """Utterance id to row."""
    labels: Mapping[str, Label]
    """Utterance id to class index (of a soft label that with most votes) or to values."""

    def of(self, level: str, ids: Sequence[str]) -> Float32:
        """The vectors of utterances, in their order."""
        return self.levels[level][[self.position[name] for name in ids]]

    def labels_of(self, ids: Sequence[str]) -> npt.NDArray[Any]:
        """The labels of utterances, in their order."""
        return np.array([self.labels[name] for name in ids])


@dataclass(frozen=True)
class Task:
    """What the probes of one unit are fitted with."""

    unit: Unit
    experiment: Experiment
    config: ClassicalConfig
    """The values of C; `classifier` and `scaling` are not read."""
    data: Means
    """Of all utterances."""


def load_means(experiment: Experiment) -> Means:
    """Read every level of SEC, some segments at a time, and take the means.

    Raises:
        CacheError: if a row is missing or damaged.
    """
    ids = experiment.manifest["utterance_id"].tolist()
    position = {name: index for index, name in enumerate(ids)}
    levels = {a.name: _means_of(experiment, a.name, position) for a in experiment.arrays["sec"]}
    labels = experiment.label_of if experiment.labels.rated else experiment.class_of
    return Means(levels, position, labels)


def train_probe_unit(task: Task) -> str:
    """Fit a probe for each level and C, choose by the rules, predict, and write the folder.

    Returns:
        A line for the terminal.

    Raises:
        TrainingError: if selection.level is no level of SEC, under last_epoch.
    """
    selection = task.experiment.selection
    _refuse_unknown_level(selection, task.data)
    fits = [
        {level: _fit(task, level, c) for level in task.data.levels}
        for c in grid_of(selection.rules, task.config)
    ]
    history = [_entry(task, number, own) for number, own in enumerate(fits, start=1)]
    choices = _choose(history, selection, task.config)
    chosen = {rule: fits[choice.epoch - 1][choice.level] for rule, choice in choices.items()}
    if selection.refit:
        larger = replace(task, unit=task.unit.with_development_data())
        chosen = {"held_out": _fit(larger, choices["held_out"].level, chosen["held_out"].c)}
    write_json(task.unit.folder / LEVELS, _describe_levels(task, history, fits))
    write_result(task.unit, task.experiment, _result(task, history, choices, chosen))
    choice, kept = choices[selection.rule], chosen[selection.rule]
    line = f"level {choice.level}, C {kept.c:g}, {describe_scores(history, choice)}"
    return line if kept.converged else f"{line} (L-BFGS did not converge)"


def _means_of(experiment: Experiment, level: str, position: Mapping[str, int]) -> Float32:
    segments, reader = experiment.segments, experiment.reader("sec")
    valid_S = experiment.segment.audible(segments["valid_samples"].to_numpy())
    ids = segments["segment_id"].tolist()
    means = [
        segment_means(
            reader.read(ids[first : first + READ_SEGMENTS], [level])[level],
            valid_S[first : first + READ_SEGMENTS],
            experiment.segment.samples,
        )
        for first in range(0, len(ids), READ_SEGMENTS)
    ]
    utterance_S = np.array([position[name] for name in segments["utterance_id"]])
    return utterance_means(np.concatenate(means), valid_S, utterance_S)


def _refuse_unknown_level(selection: SelectionConfig, data: Means) -> None:
    if "last_epoch" in selection.rules and selection.level not in data.levels:
        raise TrainingError(
            f"params.yaml: selection.level is {selection.level}, which is no level of SEC; choose "
            f"one of {', '.join(data.levels)}"
        )


def _fit(task: Task, level: str, c: float) -> LinearFit:
    optimisation = task.experiment.optimisation
    labels = training_labels(task.unit, task.data.labels, optimisation.shuffle_labels)
    means_NP, labels_N = task.data.of(level, list(labels)), np.array([*labels.values()])
    if task.experiment.labels.rated:
        model, converged = fit_ridge(means_NP, labels_N, c=c), True
    else:
        balanced, most = optimisation.class_weights, task.config.max_iter
        model, converged = fit_logistic(means_NP, labels_N, c=c, balanced=balanced, max_iter=most)
    return LinearFit(c, model, converged, score_linear(model, means_NP, labels_N)["loss"])


def _score(task: Task, fit: LinearFit, level: str, split: Split) -> dict[str, float]:
    ids = task.unit.fold.split(split)
    return score_linear(fit.model, task.data.of(level, ids), task.data.labels_of(ids))


def _entry(task: Task, number: int, fits: Fits) -> dict[str, Any]:
    """One entry of the history; its training loss is the mean over levels."""
    rules = task.experiment.selection.rules
    splits: tuple[Split, ...] = ("dev", "test") if "oracle_test" in rules else ("dev",)
    return {
        "epoch": number,
        "c": next(iter(fits.values())).c,
        "converged": all(fit.converged for fit in fits.values()),
        "train_loss": float(np.mean([fit.train_loss for fit in fits.values()])),
        "levels_drawn": {},
        "alpha_weights": [],
        "entropy": [],
        **{
            split: {level: _score(task, fit, level, split) for level, fit in fits.items()}
            for split in splits
        },
    }


def _choose(
    history: History, selection: SelectionConfig, config: ClassicalConfig
) -> dict[Rule, Choice]:
    grid = history[: len(config.c_grid)]
    fixed = Choice(len(history), selection.level)  # behind the grid, see `grid_of`
    return {
        rule: fixed if rule == "last_epoch" else best(grid, "dev" if rule == "held_out" else "test")
        for rule in selection.rules
    }


def _describe_levels(task: Task, history: History, fits: Sequence[Fits]) -> dict[str, Any]:
    """Of each level: the C that is best on development data, its scores there and on test data."""
    grid, described = history[: len(task.config.c_grid)], []
    for level in task.data.levels:
        number = best([{**e, "dev": {level: e["dev"][level]}} for e in grid], "dev").epoch - 1
        fit = fits[number][level]
        dev, test = (_score(task, fit, level, split) for split in SCORED)
        described.append({"level": level, "c": fit.c, "dev": dev, "test": test})
    return {"note": DESCRIPTIVE, "levels": described}


def _result(
    task: Task,
    history: History,
    choices: Mapping[Rule, Choice],
    chosen: Mapping[Rule, LinearFit],
) -> Result:
    kept, test = chosen[task.experiment.selection.rule], task.unit.fold.test
    return Result(
        history=history,
        refit_history=[],
        choices=choices,
        weights=kept.model.serialise(),
        about={"c": kept.c, "converged": kept.converged},
        segments=whole_utterances(task.unit, task.experiment),
        read={
            rule: read_linear(fit.model, task.data.of(choices[rule].level, test), task.experiment)
            for rule, fit in chosen.items()
        },
    )
