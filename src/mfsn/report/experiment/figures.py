"""The line plots of the report, as inline SVG.

The text in the figures is fixed or numeric. Names that come from data are in the captions of the
page, where they are escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mfsn.report.drawing import INK, SERIES, style, svg

WIDTH_IN = 3.6
LOSS_HEIGHT_IN = 1.0
PANEL_HEIGHT_IN = 1.55

History = Sequence[Mapping[str, Any]]


def learning_curves(
    key: str,
    history: History,
    levels: Sequence[str],
    chosen: Mapping[str, Any],
    chance: float,
    *,
    score: str = "ua",
) -> str:
    """Draw the training loss above and the development UA (or CCC) of each SEC level below.

    Args:
        key: distinguishes the figures of one page; ids within the SVG are made from it.
        history: entries of history.json with `epoch`, `train_loss` and `dev`.
        levels: the levels for which `dev` has scores, in the order of their colours.
        chosen: `epoch` and `level` that selection chose; marked if the history holds them.
        chance: UA of guessing, or 0 for CCC (predicting the mean); drawn as a dashed line.
        score: `ua` or `ccc`.

    Returns:
        An SVG element. Level number i has the colour `--series-i`.
    """
    with style(f"curves {key}"):
        figure = Figure(figsize=(WIDTH_IN, LOSS_HEIGHT_IN + PANEL_HEIGHT_IN), layout="constrained")
        ratios = [LOSS_HEIGHT_IN, PANEL_HEIGHT_IN]
        loss, dev = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
        epochs = [entry["epoch"] for entry in history]
        loss.plot(epochs, [entry["train_loss"] for entry in history], color=INK)
        loss.set_ylabel("train loss")
        _draw_levels(dev, history, levels, chosen, score)
        dev.axhline(chance, color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
        dev.set(ylabel=f"dev {score.upper()}", ylim=(0, 1) if score == "ua" else (-1, 1))
        _label_epochs(dev)
        return svg(figure)


def operation_weights(key: str, history: History, top: float) -> str:
    """Draw softmax(alpha) of each Fusion Cell over the epochs, one panel per cell.

    Args:
        key: distinguishes the figures of one page; ids within the SVG are made from it.
        history: entries of history.json with `epoch` and `alpha_weights`.
        top: the largest weight in all figures of the page, so that their axes are equal.

    Returns:
        An SVG element. Operation number i has the colour `--series-i`.
    """
    cells = len(history[0]["alpha_weights"])
    with style(f"weights {key}"):
        figure = Figure(figsize=(WIDTH_IN, 0.35 + PANEL_HEIGHT_IN * cells), layout="constrained")
        panels = figure.subplots(cells, 1, sharex=True, squeeze=False)[:, 0]
        for cell, panel in enumerate(panels):
            _draw_weights(panel, history, cell)
            panel.set_ylim(0, 1.05 * top)
        _label_epochs(panels[-1])
        return svg(figure)


def _draw_levels(
    axes: Axes, history: History, levels: Sequence[str], chosen: Mapping[str, Any], score: str
) -> None:
    for colour, level in zip(SERIES, levels, strict=False):
        points = {entry["epoch"]: entry["dev"][level][score] for entry in history}
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
