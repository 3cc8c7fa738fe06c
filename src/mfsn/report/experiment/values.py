"""Tables and figures of the report for experiments that predict dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfsn.manifest import LABEL, PREDICTED, value_columns
from mfsn.report.drawing import INK, SERIES, style, svg
from mfsn.report.experiment.figures import WIDTH_IN
from mfsn.report.experiment.run import Run
from mfsn.report.experiment.tables import worst

POINTS = 800
"""The most utterances in a scatter plot; if there are more, only every n-th is drawn."""


def dimensions(run: Run) -> list[dict[str, Any]]:
    """One row per dimension: scores, intervals, and the MSE of predicting the mean.

    If there are several dimensions, a last row holds the means over them.
    """
    names = [("mean of all", "")] if len(run.dimensions) > 1 else []
    scores, pooled = run.scores, run.scores["pooled"]
    return [
        {
            "name": title,
            **{s: scores[s + of] for s in ("ccc", "mse")},
            **{f"pooled_{s}": pooled[s + of] for s in ("ccc", "mse")},
            **{f"{s}_interval": scores.get("intervals", {}).get(s + of) for s in ("ccc", "mse")},
            "mse_of_the_mean": scores["predict_the_mean"]["mse" + of],
        }
        for title, of in [*((name, f"_{name}") for name in run.dimensions), *names]
    ]


def errors(run: Run) -> list[dict[str, Any]]:
    """The utterances with the largest root mean square error over the dimensions."""
    actual_UD, predicted_UD = _values(run.predictions, run)
    error_U = np.sqrt(((actual_UD - predicted_UD) ** 2).mean(axis=1))
    return [
        row | {"values": [(row[LABEL + name], row[PREDICTED + name]) for name in run.dimensions]}
        for row in worst(run, run.predictions.assign(error=error_U), "error")
    ]


def scatter(run: Run) -> list[tuple[str, str]]:
    """Pairs of a dimension's name and a scatter plot of predicted values over labels, as SVG."""
    step = -(-len(run.predictions) // POINTS)
    drawn = run.predictions.sort_values(["utterance_id", "seed"]).iloc[::step]
    actual_UD, predicted_UD = _values(drawn, run)
    return [
        (name, _scatter(name, actual_UD[:, index], predicted_UD[:, index], SERIES[index]))
        for index, name in enumerate(run.dimensions)
    ]


def _values(predictions: pd.DataFrame, run: Run) -> tuple[Any, Any]:
    kinds = (value_columns(kind, run.dimensions) for kind in (LABEL, PREDICTED))
    actual_UD, predicted_UD = (predictions[names].to_numpy() for names in kinds)
    return actual_UD, predicted_UD


def _scatter(key: str, actual_U: Any, predicted_U: Any, colour: str) -> str:
    with style(f"values {key}"):
        figure = Figure(figsize=(WIDTH_IN, WIDTH_IN), layout="constrained")
        axes: Axes = figure.subplots()
        low, high = (f([actual_U, predicted_U]) for f in (np.min, np.max))
        axes.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
        axes.plot(actual_U, predicted_U, "o", color=colour, markersize=2.5, alpha=0.5)
        axes.set(xlabel="label", ylabel="predicted", aspect="equal")
        return svg(figure)
