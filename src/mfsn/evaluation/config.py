"""Parameters of the utterance decision (params.yaml: evaluate)."""

from __future__ import annotations

from typing import Literal

from mfsn.config import Config


class EvaluateConfig(Config):
    """How segments become an utterance's decision."""

    aggregation: Literal["mean_log_posterior", "mean_posterior", "majority_vote"] = (
        "mean_log_posterior"
    )
    weigh_by_duration: bool = False
    """Segments count by their valid samples."""
