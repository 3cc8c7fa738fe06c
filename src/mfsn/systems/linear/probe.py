"""Fit linear probes: one for each level of SEC; development data choose the level.

levels.json holds the test scores of every level. They describe the encoder; nothing is chosen by
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float32
from mfsn.base.files import write_json
from mfsn.runs.unit import Unit
from mfsn.systems.linear.fits import LinearFits, Step, Vectors, labels_for, score_step
from mfsn.systems.linear.model import LinearModel, fit_ridge
from mfsn.systems.linear.probe_model import fit_logistic, segment_means, utterance_means
from mfsn.training.experiment import Experiment
from mfsn.training.selection import best
from mfsn.training.system import Sizes

LEVELS = "levels.json"
DESCRIPTIVE = "test scores of levels are descriptive: nothing was chosen by them"
READ_SEGMENTS = 512
"""How many segments of a level are in memory together."""


@dataclass(frozen=True)
class ProbeFits(LinearFits):
    """Multinomial logistic regression, or ridge regression for dimensions, on means of a level."""

    names_level: ClassVar[bool] = True
    solver: ClassVar[str] = "L-BFGS"

    @staticmethod
    def held_bytes(sizes: Sizes) -> int:
        """One mean per level and utterance."""
        (levels,) = sizes.arrays.values()
        return sizes.utterances * sum(4 * array.shape[-1] for array in levels)

    @staticmethod
    def about(experiment: Experiment) -> dict[str, Any]:
        """Which model is fitted."""
        fitted = "ridge regression" if experiment.labels.rated else "logistic regression"
        return {"fitted": fitted, "description": f"{fitted} on the mean of one SEC level"}

    def load(self) -> Vectors:
        """Read every level of SEC, some segments at a time, and take the means.

        Raises:
            CacheError: if a row is missing or damaged.
        """
        experiment = self.experiment
        ids = experiment.manifest["utterance_id"].tolist()
        position = {name: index for index, name in enumerate(ids)}
        levels = {a.name: self._means(a.name, position) for a in experiment.arrays["sec"]}
        return Vectors(levels, position, labels_for(experiment))

    def model(
        self,
        rows_NP: npt.NDArray[Any],
        labels_N: npt.NDArray[Any],
        c: float,
        blocks: Sequence[int],  # noqa: ARG002 (a mean is one block)
    ) -> tuple[LinearModel, bool]:
        """Fit a probe of one level."""
        if self.experiment.labels.rated:
            return fit_ridge(rows_NP, labels_N, c=c), True
        balanced = self.experiment.optimisation.class_weights
        most = self.experiment.classical.max_iter
        return fit_logistic(rows_NP, labels_N, c=c, balanced=balanced, max_iter=most)

    def describe(self, unit: Unit, data: Vectors, steps: Sequence[Step]) -> None:
        """Write levels.json: for each level, the C that is best on development data, and its scores
        on development and test data.
        """
        grid = steps[: len(self.experiment.classical.c_grid)]
        levels = [self._described(unit, data, grid, level) for level in data.levels]
        write_json(unit.folder / LEVELS, {"note": DESCRIPTIVE, "levels": levels})

    def _described(
        self, unit: Unit, data: Vectors, grid: Sequence[Step], level: str
    ) -> dict[str, Any]:
        own = [{level: step[level]} for step in grid]
        history = [{"dev": score_step(unit, data, step, "dev")} for step in own]
        number = best(history, "dev").epoch - 1
        test = score_step(unit, data, own[number], "test")
        dev = history[number]["dev"]
        return {"level": level, "c": own[number][level].c, "dev": dev[level], "test": test[level]}

    def _means(self, level: str, position: Mapping[str, int]) -> Float32:
        experiment, reader = self.experiment, self.experiment.reader("sec")
        segments, samples = experiment.segments, experiment.segment.samples
        valid_S = experiment.segment.audible(segments["valid_samples"].to_numpy())
        ids = segments["segment_id"].tolist()
        pieces = [
            slice(first, first + READ_SEGMENTS) for first in range(0, len(ids), READ_SEGMENTS)
        ]
        means = [
            segment_means(reader.read(ids[piece], [level])[level], valid_S[piece], samples)
            for piece in pieces
        ]
        utterance_S = np.array([position[name] for name in segments["utterance_id"]])
        return utterance_means(np.concatenate(means), valid_S, utterance_S)
