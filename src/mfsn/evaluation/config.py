"""Parameters of the utterance decision (params.yaml: evaluate)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mfsn.config import Config


class EvaluateConfig(Config):
    """How segments become one decision per utterance, and how intervals are computed."""

    aggregation: Literal["mean_log_posterior", "mean_posterior", "majority_vote"] = (
        "mean_log_posterior"
    )
    """How the posteriors of segments are combined if classes are predicted. Predicted values of
    dimensions are always averaged."""
    weigh_by_duration: bool = False
    """Weigh each segment by its number of valid samples; otherwise all count equally."""
    interval_draws: int = Field(1000, ge=0)
    """Number of bootstrap draws for the 95 % intervals; with 0 there are no intervals."""
    interval_seed: int = Field(0, ge=0)
    """Random seed of these draws."""
