"""Parameters of the system `layer_statistics` (params.yaml: layer_statistics)."""

from __future__ import annotations

from typing import Literal

from mfsn.config import Config

ALL_LEVELS = "all levels"
"""The name of the vector that holds every level, beside the names of the levels themselves."""


class LayerStatisticsConfig(Config):
    """What a linear model is told of each layer of an encoder."""

    statistics: Literal["mean", "mean_std"] = "mean_std"
    """What is taken over the valid frames of an utterance: the mean, or mean and standard
    deviation. `mean_std` needs `sec.frames: all`, since a mean alone has no deviation."""
    together: bool = True
    """Also try one vector of all levels, one after the other. Development data choose between it
    and the single levels. It is named `all levels`, also in `selection.level`."""
