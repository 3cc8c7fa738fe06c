"""Fits of the system `layer_statistics`: a linear model of one SEC level, or of all together.

They are the fits of `probe` with other vectors; development data choose the level and C likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from mfsn.base.arrays import Float32
from mfsn.errors import ConfigError
from mfsn.systems.linear.fits import Vectors, labels_for
from mfsn.systems.linear.layer_statistics_config import ALL_LEVELS, LayerStatisticsConfig
from mfsn.systems.linear.probe import ProbeFits
from mfsn.systems.linear.statistics import segment_statistics, utterance_statistics
from mfsn.training.experiment import Experiment
from mfsn.training.system import Sizes

READ_SEGMENTS = 128
"""How many segments of a level are in memory together, with their differences from the mean."""


@dataclass(frozen=True)
class LayerStatisticsFits(ProbeFits):
    """Logistic regression, or ridge regression for dimensions, on statistics of levels."""

    @staticmethod
    def held_bytes(sizes: Sizes) -> int:
        """Mean and deviation of each level and utterance, and both again of all levels together."""
        return 4 * ProbeFits.held_bytes(sizes)

    @staticmethod
    def about(experiment: Experiment) -> dict[str, Any]:
        """Which model is fitted."""
        config, about = _config(experiment), ProbeFits.about(experiment)
        what = "mean and deviation" if config.statistics == "mean_std" else "mean"
        whose = "one SEC level or all together" if config.together else "one SEC level"
        return about | {"description": f"{about['fitted']} on {what} of {whose}"}

    def load(self) -> Vectors:
        """Read every level of SEC, some segments at a time, and take its statistics.

        Raises:
            CacheError: if a row is missing or damaged.
            ConfigError: if deviations are asked for, but the rows hold one mean each.
        """
        experiment, config = self.experiment, _config(self.experiment)
        arrays = experiment.arrays["sec"]
        if config.statistics == "mean_std" and arrays[0].shape[0] == 1:
            raise ConfigError(
                "layer_statistics.statistics: mean_std needs every frame, and sec.frames: mean "
                "keeps one mean per segment; set sec.frames: all, or statistics: mean"
            )
        ids = experiment.manifest["utterance_id"].tolist()
        position = {name: index for index, name in enumerate(ids)}
        levels = {array.name: self._vectors(array.name, position) for array in arrays}
        if config.together and len(levels) > 1:
            levels[ALL_LEVELS] = np.concatenate([*levels.values()], axis=1)
        return Vectors(levels, position, labels_for(experiment))

    def _vectors(self, level: str, position: Mapping[str, int]) -> Float32:
        """The statistics that are asked for, [U, P]."""
        if _config(self.experiment).statistics == "mean":
            return self._means(level, position)
        experiment, reader = self.experiment, self.experiment.reader("sec")
        segments, samples = experiment.segments, experiment.segment.samples
        valid_S = experiment.segment.audible(segments["valid_samples"].to_numpy())
        ids, found = segments["segment_id"].tolist(), []
        for first in range(0, len(ids), READ_SEGMENTS):
            piece = slice(first, first + READ_SEGMENTS)
            hidden_STD = reader.read(ids[piece], [level])[level]
            found.append(segment_statistics(hidden_STD, valid_S[piece], samples))
        mean_SD, variance_SD = (np.concatenate(parts) for parts in zip(*found, strict=True))
        utterance_S = np.array([position[name] for name in segments["utterance_id"]])
        both = utterance_statistics(mean_SD, variance_SD, valid_S, utterance_S)
        return np.concatenate(both, axis=1)


def _config(experiment: Experiment) -> LayerStatisticsConfig:
    return cast(LayerStatisticsConfig, experiment.own)
