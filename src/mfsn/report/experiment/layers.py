"""The scores of linear probes per layer: a table, and UA over layers as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mfsn.report.drawing import INK, SERIES, style, svg
from mfsn.report.experiment.run import Run
from mfsn.systems.linear.layer_statistics_config import ALL_LEVELS

SIZE_IN = (6.4, 2.4)


def layers(run: Run) -> list[dict[str, Any]]:
    """One row per level: mean scores over folds and seeds, and how often the level was chosen.

    Returns:
        Rows with `level`, `dev` and `test` (each maps the name of a score to its value) and
        `chosen`. Empty unless the system is `probe` or `layer_statistics`.
    """
    described = [unit.level_scores for unit in run.units if unit.level_scores]
    chosen = [unit.model.get("level") for unit in run.units]
    return [
        {
            "level": of_units[0]["level"],
            **{split: _mean([one[split] for one in of_units]) for split in ("dev", "test")},
            "chosen": chosen.count(of_units[0]["level"]),
        }
        for of_units in zip(*described, strict=True)
    ]


def layer_weights(run: Run) -> list[dict[str, Any]]:
    """One row per level: `level`, and `mean`, `least` and `most` of its weight over all fits.

    Empty unless the system is `weighted_layers`.
    """
    learnt = [unit.layer_weights for unit in run.units if unit.layer_weights]
    return [
        _spread(of_units[0]["level"], [layer["weight"] for layer in of_units])
        for of_units in zip(*learnt, strict=True)
    ]


def _spread(level: str, weights: Sequence[float]) -> dict[str, Any]:
    mean = sum(weights) / len(weights)
    return {"level": level, "mean": mean, "least": min(weights), "most": max(weights)}


def layer_curves(rows: Sequence[Mapping[str, Any]], chance: float, *, score: str = "ua") -> str:
    """Draw development and test UA (or CCC) over layers; dots mark layers that a fold chose.

    Args:
        rows: what `layers` returned. All levels together are no layer, and are left out.
        chance: UA of guessing, or 0 for CCC (predicting the mean); drawn as a dashed line.
        score: `ua` or `ccc`.

    Returns:
        An SVG element: development has the colour `--series-1`, test `--series-2`.
    """
    rows = [row for row in rows if row["level"] != ALL_LEVELS]
    with style("layers"):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        axes = figure.subplots()
        for colour, split in zip(SERIES, ("dev", "test"), strict=False):
            axes.plot([row[split][score] for row in rows], color=colour)
        for number, row in enumerate(rows):
            if row["chosen"]:
                axes.plot(number, row["dev"][score], "o", color=SERIES[0], markersize=5)
        axes.axhline(chance, color=INK, linewidth=0.8, linestyle=(0, (3, 3)))
        axes.set(
            xlabel="level, from early to late",
            ylabel=score.upper(),
            ylim=(0, 1) if score == "ua" else (-1, 1),
        )
        axes.xaxis.set_major_locator(MaxNLocator(nbins=13, integer=True))
        return svg(figure)


def _mean(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(one[name] for one in scores) / len(scores) for name in scores[0]}
