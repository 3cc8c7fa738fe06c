"""Parameters of the system `weighted_layers` (params.yaml: weighted_layers)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mfsn.config import Config


class WeightedLayersConfig(Config):
    """How the layers of an encoder become one vector per segment, and what reads it."""

    statistics: Literal["mean", "mean_std"] = "mean"
    """What is taken over the valid frames of a segment: the mean, or mean and standard deviation.
    `mean_std` needs `sec.frames: all`, since a mean alone has no deviation."""
    normalise: bool = True
    """Give every frame of every layer mean 0 and variance 1 over its features before the layers are
    added up, so that a weight says how much a layer counts, and not how large its values are.
    False adds them as they are (s3prl's default)."""
    hidden: int = Field(256, ge=0)
    """Width of the hidden layer behind the vector (SUPERB's projection: 256). 0: no hidden layer,
    the vector is classified by a linear layer."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of values that dropout sets to zero before each linear layer; assumed."""
