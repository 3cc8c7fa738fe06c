"""The report: one self-contained HTML page about one experiment.

The page has no scripts and loads nothing from elsewhere. The same inputs give the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from mfsn.report.experiment import facts, tables, values
from mfsn.report.experiment.figures import learning_curves, operation_weights
from mfsn.report.experiment.layers import layer_curves, layer_weights, layers
from mfsn.report.experiment.run import Run
from mfsn.report.templates import environment

FOLDER = Path(__file__).parent


def render_page(run: Run) -> str:
    """The whole page as HTML.

    Everything that comes from data is escaped by the template.
    """
    templates = environment(FOLDER)
    templates.filters |= {"percent": _percent, "points": _points, "number": _number}
    return templates.get_template("page.html").render(
        css=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
        run=run,
        scores=run.scores,
        title=facts.title(run),
        encoders=facts.encoders(run),
        facts=facts.facts(run),
        warnings=facts.warnings(run),
        folds=tables.folds(run),
        matrix=tables.matrix(run),
        architectures=tables.architectures(run),
        costs=tables.costs(run),
        layers=layers(run),
        layer_figure=_layer_figure(run),
        layer_weights=layer_weights(run),
        compared=tables.compared(run),
        data=tables.data(run),
        features=tables.features(run),
        parameters=tables.parameters(run),
        drawn=tables.drawn(run),
        curves=_curves(run),
        weights=_weights(run),
        **(_of_values(run) if run.dimensions else _of_classes(run)),
    )


def _of_classes(run: Run) -> dict[str, Any]:
    return {"confusion": tables.confusion(run), "mistakes": tables.mistakes(run)}


def _of_values(run: Run) -> dict[str, Any]:
    return {
        "dimensions": values.dimensions(run),
        "errors": values.errors(run),
        "scatter": _panels(run.dimensions, values.scatter(run)),
    }


def _curves(run: Run) -> dict[str, Any]:
    units = [unit for unit in run.units if unit.levels]
    score, chance = ("ccc", 0.0) if run.dimensions else ("ua", run.scores["chance_ua"])
    figures = [
        (u.name, learning_curves(u.name, u.curves, u.levels, u.model, chance, score=score))
        for u in units
    ]
    return _panels(units[0].levels if units else [], figures)


def _layer_figure(run: Run) -> Markup:
    score, chance = ("ccc", 0.0) if run.dimensions else ("ua", run.scores["chance_ua"])
    rows = layers(run)
    return Markup(layer_curves(rows, chance, score=score) if rows else "")  # noqa: S704 - numbers


def _weights(run: Run) -> dict[str, Any]:
    units = [unit for unit in run.units if unit.genotype and unit.search_curves]
    top = max((unit.largest_weight for unit in units), default=1.0)
    figures = [(u.name, operation_weights(u.name, u.search_curves, top)) for u in units]
    return _panels(units[0].genotype["operations"] if units else [], figures)


def _panels(legend: list[str], figures: list[tuple[str, str]]) -> dict[str, Any]:
    # Figures hold only numbers and fixed words, so they need no escaping.
    return {"legend": legend, "panels": [(name, Markup(svg)) for name, svg in figures]}  # noqa: S704


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _number(value: float) -> str:
    """A value, a CCC or an MSE with three decimals."""
    return f"{value:.3f}".replace("-", "−")


def _points(value: float) -> str:
    """A difference in percentage points with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")
