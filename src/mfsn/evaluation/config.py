"""Parameters of the utterance decision (params.yaml: evaluate)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mfsn.config import Config


class EvaluateConfig(Config):
    """How segments become an utterance's decision, and how sure the scores are."""

    aggregation: Literal["mean_log_posterior", "mean_posterior", "majority_vote"] = (
        "mean_log_posterior"
    )
    """Of classes; predicted values of dimensions are averaged whatever stands here."""
    weigh_by_duration: bool = False
    """Segments count by their valid samples."""
    interval_draws: int = Field(1000, ge=0)
    """Draws of the bootstrap behind the 95 % intervals; 0 leaves the intervals out."""
    interval_seed: int = Field(0, ge=0)
    """Of those draws."""
