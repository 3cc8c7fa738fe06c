"""Which values the trained models predicted for an utterance, and which models these were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mfsn.base.arrays import Float64
from mfsn.manifest import LABEL, PREDICTED, value_columns
from mfsn.report.utterance.decision import mean_over_models, origin_of


@dataclass(frozen=True)
class Rating:
    """Labels and predictions under one selection rule, in the unit of the corpus ratings."""

    dimensions: list[str]
    label_D: Float64
    predicted_D: Float64
    """Mean over the models that tested the utterance."""
    segment_predicted_SD: Float64
    """The same per segment; no rows if the system reads whole utterances at once."""
    origin: str
    """Which models predicted."""

    def __str__(self) -> str:
        rows = zip(self.dimensions, self.predicted_D, self.label_D, strict=True)
        said = ", ".join(f"{name} {value:.2f} (label {label:.2f})" for name, value, label in rows)
        return f"predicted {said}"


def rating_of(
    rows: pd.DataFrame, segment_rows: pd.DataFrame, dimensions: list[str]
) -> Rating | None:
    """The values in an utterance's rows of the prediction table; None if there are none.

    Args:
        rows: those of one utterance and one selection rule (`mfsn.manifest.predictions_schema`).
        segment_rows: the same for its segments (`mfsn.manifest.segment_predictions_schema`).
        dimensions: their names; empty if the experiment predicts classes.
    """
    if rows.empty or not dimensions:
        return None
    label_D, predicted_D = (
        rows[value_columns(kind, dimensions)].to_numpy().mean(axis=0) for kind in (LABEL, PREDICTED)
    )
    origin = origin_of(rows["fold"].tolist(), rows["seed"].tolist(), rows["selection"].iloc[0])
    values_ND = segment_rows[value_columns(PREDICTED, dimensions)].to_numpy(dtype=np.float64)
    of_segments_SD = mean_over_models(segment_rows, values_ND)
    return Rating(dimensions, label_D, predicted_D, of_segments_SD, origin)
