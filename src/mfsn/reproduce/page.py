"""A finished table as one self-contained HTML page, and as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from mfsn.base.files import write_text
from mfsn.report.templates import environment
from mfsn.reproduce.collect import notes
from mfsn.reproduce.layers import LABEL
from mfsn.reproduce.plan import Table
from mfsn.workspace import Outputs

FOLDER = Path(__file__).parent
STYLE = FOLDER.parent / "report" / "experiment" / "page.css"


def write_table(
    workspace: Path,
    corpus: str,
    name: str,
    rows: pd.DataFrame,
    html: str,
    *,
    points: pd.DataFrame | None = None,
) -> Path:
    """Write `<name>.csv` and `<name>.html` into data/results/<corpus>/tables.

    Args:
        workspace: the checkout.
        corpus: the name of the corpus.
        name: the name of the table, with `-short` for short fits.
        rows: what `collect` or `collect_values` returned.
        html: the page that `render` or `render_values` made of them.
        points: those of the page's curves, if it has any; they go into `<name>-curves.csv`.

    Returns:
        The path of the page.
    """
    folder = Outputs(workspace, corpus, "tables").results
    write_text(folder / f"{name}.csv", rows.to_csv(index=False))
    page = folder / f"{name}.html"
    write_text(page, html)
    if points is not None:
        write_text(folder / f"{name}-curves.csv", points.to_csv(index=False))
    return page


def render(table: Table, rows: pd.DataFrame, points: pd.DataFrame | None = None) -> str:
    """The page of scores between classes, with the curves that `points_of` found, as HTML."""
    return fill_in(
        "table.html",
        table,
        rows,
        has_published=bool(rows["published_on"].notna().any()),
        has_seeds=bool(rows["ua_std"].notna().any()),
        compares=not rows.attrs.get("departure"),
        curves=_curves(table, points),
    )


def fill_in(template: str, table: Table, rows: pd.DataFrame, **own: object) -> str:
    """A page as HTML; the template escapes everything that comes from data."""
    return (
        environment(FOLDER)
        .get_template(template)
        .render(
            css=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
            table=table,
            rows=rows.astype(object).where(rows.notna(), None).to_dict("records"),
            notes=notes(rows),
            **own,
        )
    )


def _curves(table: Table, points: pd.DataFrame | None) -> list[dict[str, Any]]:
    label = LABEL if table.layers else table.curve.label if table.curve else None
    if label is None or points is None:
        return []
    from mfsn.reproduce.curve_figures import figures_of

    return figures_of(label, points)
