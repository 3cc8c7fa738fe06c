"""Draw the curves of a table for its page: UA, and the weights of operations."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from mfsn.report.drawing import INK, SERIES, style, svg
from mfsn.reproduce.points import WEIGHT

SIZE_IN = (3.6, 2.2)


def figures_of(label: str, points: pd.DataFrame) -> list[dict[str, Any]]:
    """Draw UA over x and, if rows did a search, operation weights over x.

    Args:
        label: the label of the x axis.
        points: what `mfsn.reproduce.points.points_of` returned.

    Returns:
        For each figure its `title`, its `legend` (name i has the colour `--series-i`) and its
        `panels` (pairs of a name and an SVG element).
    """
    lines = list(dict.fromkeys(points["line"]))
    scores = {"title": "UA", "legend": lines, "panels": _panels(label, points, lines, _draw_ua)}
    weights = [str(name) for name in points if str(name).startswith(WEIGHT)]
    if not weights:
        return [scores]
    searched = points.dropna(subset=weights)
    names = [name.removeprefix(WEIGHT) for name in weights]
    panels = _panels(label, searched, weights, _draw_weights)
    return [scores, {"title": "Weights of the operations", "legend": names, "panels": panels}]


def _panels(label: str, points: pd.DataFrame, lines: list[str], draw: Any) -> list[Any]:
    """One SVG per panel; it contains only numbers and the label of x, which is our own text."""
    drawn = []
    for name, own in points.groupby("panel", sort=False):
        with style(f"{draw.__name__} {name}"):
            figure = Figure(figsize=SIZE_IN, layout="constrained")
            axes = figure.subplots()
            draw(axes, own, points, lines)
            axes.set_xlabel(label)
            axes.xaxis.set_major_formatter(PercentFormatter(1.0))
            drawn.append((name, Markup(svg(figure))))  # noqa: S704 - drawn here
    return drawn


def _draw_ua(axes: Axes, own: pd.DataFrame, points: pd.DataFrame, lines: list[str]) -> None:
    for colour, line in zip(SERIES, lines, strict=False):
        part = own[own["line"] == line]
        spread = part["ua_std"].fillna(0.0).to_numpy(float)
        axes.errorbar(part["x"], part["ua"], yerr=spread, color=colour, marker="o", markersize=3)
    axes.axhline(points["chance_ua"].mean(), color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
    lowest = min(points["ua"].min(), points["chance_ua"].min())
    axes.set(ylabel="UA, %", ylim=(max(0, lowest - 5), min(100, points["ua"].max() + 5)))


def _draw_weights(axes: Axes, own: pd.DataFrame, points: pd.DataFrame, lines: list[str]) -> None:
    for colour, line in zip(SERIES, lines, strict=False):
        axes.plot(own["x"], own[line], color=colour, marker="o", markersize=3)
    axes.axhline(1 / len(lines), color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
    drawn = points[lines].to_numpy(
        float
    )  # a short search changes weights little, so the axis does not begin at zero
    margin = 0.1 * (drawn.max() - drawn.min()) + 0.001
    axes.set(ylabel="weight", ylim=(drawn.min() - margin, drawn.max() + margin))
