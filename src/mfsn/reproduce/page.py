"""A finished table as one self-contained HTML page, and as CSV."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from mfsn.files import write_text
from mfsn.reproduce.plan import Table
from mfsn.workspace import Outputs

FOLDER = Path(__file__).parent
STYLE = FOLDER.parent / "report" / "page.css"


def write_table(workspace: Path, corpus: str, name: str, table: Table, rows: pd.DataFrame) -> Path:
    """Write `<name>.csv` and `<name>.html` below data/results/<corpus>/tables.

    Args:
        workspace: the checkout.
        corpus: its name.
        name: of the table, `-short` included.
        table: the plan.
        rows: what `collect` gave.

    Returns:
        The path of the page.
    """
    folder = Outputs(workspace, corpus, "tables").results
    write_text(folder / f"{name}.csv", rows.to_csv(index=False))
    page = folder / f"{name}.html"
    write_text(page, render(table, rows))
    return page


def render(table: Table, rows: pd.DataFrame) -> str:
    """The page; everything that comes from data is escaped by the template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = rows.astype(object).where(rows.notna(), None)
    return environment.get_template("table.html").render(
        css=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        table=table,
        rows=shown.to_dict("records"),
        has_published=bool(rows["published_ua"].notna().any()),
        has_seeds=bool(rows["ua_std"].notna().any()),
        short=bool(rows.attrs.get("short")),
    )
