"""The report's line plots, as inline SVG that takes its colours from the page.

Matplotlib draws in placeholder colours, which are then replaced by the page's CSS variables, so
that one figure serves light and dark. Text in the figures is fixed or numeric; names that come
from data stand in the page's captions, where they are escaped.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

WIDTH_IN = 3.6
LOSS_HEIGHT_IN = 1.0
PANEL_HEIGHT_IN = 1.55
INK, FAINT = "#0a0a01", "#0a0a02"
SERIES = tuple(f"#0b0b{number:02x}" for number in range(1, 9))
VARIABLES = {
    INK: "var(--muted)",
    FAINT: "var(--line)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, start=1)},
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}

History = Sequence[Mapping[str, Any]]


def learning_curves(
    key: str, history: History, levels: Sequence[str], chosen: Mapping[str, Any], chance: float
) -> str:
    """Training loss above, development UA of each SEC level below.

    Args:
        key: distinguishes the figures of one page; ids within the SVG are made from it.
        history: entries of history.json with `epoch`, `train_loss` and `dev`.
        levels: those that `dev` has scores for, in the order of their colours.
        chosen: `epoch` and `level` that selection chose; marked where they are in the history.
        chance: UA of guessing, drawn as a dashed line.

    Returns:
        An SVG element. Level number i has the colour `--series-i`.
    """
    with _style(f"curves {key}"):
        figure = Figure(figsize=(WIDTH_IN, LOSS_HEIGHT_IN + PANEL_HEIGHT_IN), layout="constrained")
        ratios = [LOSS_HEIGHT_IN, PANEL_HEIGHT_IN]
        loss, ua = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
        epochs = [entry["epoch"] for entry in history]
        loss.plot(epochs, [entry["train_loss"] for entry in history], color=INK)
        loss.set_ylabel("train loss")
        _draw_levels(ua, history, levels, chosen)
        ua.axhline(chance, color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
        ua.set(ylabel="dev UA", ylim=(0, 1))
        _label_epochs(ua)
        return _svg(figure)


def operation_weights(key: str, history: History, top: float) -> str:
    """softmax(alpha) of each Fusion Cell over the epochs, one panel a cell.

    Args:
        key: distinguishes the figures of one page; ids within the SVG are made from it.
        history: entries of history.json with `epoch` and `alpha_weights`.
        top: largest weight of all figures that are to be compared.

    Returns:
        An SVG element. Operation number i has the colour `--series-i`.
    """
    cells = len(history[0]["alpha_weights"])
    with _style(f"weights {key}"):
        figure = Figure(figsize=(WIDTH_IN, 0.35 + PANEL_HEIGHT_IN * cells), layout="constrained")
        panels = figure.subplots(cells, 1, sharex=True, squeeze=False)[:, 0]
        for cell, panel in enumerate(panels):
            _draw_weights(panel, history, cell)
            panel.set_ylim(0, 1.05 * top)
        _label_epochs(panels[-1])
        return _svg(figure)


def _style(salt: str) -> AbstractContextManager[None]:
    """The style of the page whatever the user's matplotlibrc says; `salt` makes ids unique."""
    return matplotlib.style.context(STYLE | {"svg.hashsalt": salt}, after_reset=True)


def _draw_levels(
    axes: Axes, history: History, levels: Sequence[str], chosen: Mapping[str, Any]
) -> None:
    for colour, level in zip(SERIES, levels, strict=False):
        points = {entry["epoch"]: entry["dev"][level]["ua"] for entry in history}
        axes.plot(list(points), list(points.values()), color=colour)
        if chosen.get("level") == level and chosen.get("epoch") in points:
            axes.plot(chosen["epoch"], points[chosen["epoch"]], "o", color=colour, markersize=5)


def _draw_weights(axes: Axes, history: History, cell: int) -> None:
    epochs = [entry["epoch"] for entry in history]
    operations = len(history[0]["alpha_weights"][cell])
    for index in range(operations):
        weights = [entry["alpha_weights"][cell][index] for entry in history]
        axes.plot(epochs, weights, color=SERIES[index % len(SERIES)])
    axes.axhline(1 / operations, color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.set(ylabel="weight" if cell == 0 else f"weight, cell {cell + 1}")


def _label_epochs(axes: Axes) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    # What surrounds the drawing is for files of their own: prolog, size in points, global style.
    svg = re.sub(
        r"^.*?<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", buffer.getvalue(), flags=re.S
    )
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r' id="(?:figure|axes|patch|line2d|text|matplotlib|xtick|ytick)[^"]*"', "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg
