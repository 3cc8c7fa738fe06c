"""`mfsn reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import app, show
from mfsn.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from mfsn.params import Params
    from mfsn.reproduce.plan import Table


@app.command()
def reproduce(
    table: Annotated[
        str | None, typer.Argument(help="The table; without it, all are listed.")
    ] = None,
    listing: Annotated[
        bool, typer.Option("--list", help="Show the rows of the table and run nothing.")
    ] = False,
    short: Annotated[
        bool, typer.Option("--short", help="Train for seconds only, to see that all rows run.")
    ] = False,
    seeds: Annotated[
        str, typer.Option(help="Seeds such as 0,1,2; by default those of params.yaml.")
    ] = "",
) -> None:
    """Run a table of experiments on the corpus in params.yaml.

    The result is a page that shows our scores beside the published ones.
    """
    from mfsn.params import load_params
    from mfsn.reproduce.plan import labelled, table_named
    from mfsn.workspace import find_workspace

    if table is None:
        _show_tables()
        return
    plan, workspace = table_named(table), find_workspace()
    params = load_params(workspace)
    plan = labelled(plan, params)
    if listing:
        _show_rows(plan)
    else:
        _run(workspace, params, table, plan, short=short, seeds=_seeds(seeds))


def _show_tables() -> None:
    from mfsn.reproduce.plan import tables

    rows = [
        (name, len(plan.runs), sum(bool(row.published) for row in plan.rows), plan.title)
        for name, plan in tables().items()
    ]
    show([("table", "runs", "published", "title"), *rows])


def _show_rows(plan: Table) -> None:
    from mfsn.reproduce.plan import described, settings_of

    rows = [(row.name, row.label, settings_of(row), described(row.published)) for row in plan.rows]
    typer.echo(f"{plan.title} ({plan.source})")
    show([("row", "", "sets", "published"), *rows])
    if any(row.published for row in plan.rows):
        typer.echo(f"published on {plan.conditions}")


def _run(
    workspace: Path, params: Params, name: str, plan: Table, *, short: bool, seeds: tuple[int, ...]
) -> None:
    from mfsn.params import outputs_of
    from mfsn.reproduce.collect import collect, notes
    from mfsn.reproduce.page import render, write_table
    from mfsn.reproduce.plan import notice
    from mfsn.reproduce.points import points_of
    from mfsn.reproduce.run import Finished, run_rows
    from mfsn.reproduce.values import collect_values, predicts_dimensions, render_values

    are_values, departure = predicts_dimensions(plan, params), notice(plan, params)
    if departure:
        typer.echo(f"{name}: {departure}")
    done = run_rows(workspace, params, name, plan, short=short, seeds=seeds, say=typer.echo)
    finished = Finished(workspace, plan, done, outputs_of(params, Path()))
    rows = (collect_values if are_values else collect)(finished)
    rows.attrs |= {"short": short, "departure": departure}
    points = None if are_values else points_of(finished, rows)
    _show_scores(rows)
    for note in notes(rows):
        typer.echo(note)
    html = render_values(plan, rows) if are_values else render(plan, rows, points)
    written = f"{name}-short" if short else name
    typer.echo(str(write_table(workspace, params.corpus.name, written, rows, html, points=points)))


_SHOWN = ("row", "ua", "ua_std", "wa", "published_ua", "published_wa", "ccc", "ccc_std", "mse")


def _show_scores(rows: pd.DataFrame) -> None:
    kept = rows[[name for name in _SHOWN if name in rows]].dropna(axis="columns", how="all")
    cells = kept.astype(object).where(kept.notna(), "")
    show([tuple(cells.columns), *cells.itertuples(index=False, name=None)])


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part for part in text.split(",") if part.strip()]
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--seeds {text}: give whole numbers separated by commas, such as 0,1,2")
    return tuple(int(part) for part in parts)
