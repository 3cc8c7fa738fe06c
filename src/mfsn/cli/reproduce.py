"""`mfsn reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfsn.cli.console import app, show
from mfsn.errors import ConfigError


@app.command()
def reproduce(
    table: Annotated[str | None, typer.Argument(help="Table; without it all are listed.")] = None,
    short: Annotated[bool, typer.Option("--short", help="Fits of seconds.")] = False,
    seeds: Annotated[
        str, typer.Option(help="Seeds such as 0,1,2; by default those of params.yaml.")
    ] = "",
) -> None:
    """Run a table of experiments on the corpus in params.yaml, ours beside the published."""
    from mfsn.reproduce.plan import table_named, tables

    if table is None:
        rows = [(name, len(plan.rows), plan.title) for name, plan in tables().items()]
        show([("table", "rows", "title"), *rows])
        return
    from mfsn.params import load_params, outputs_of
    from mfsn.reproduce.collect import collect
    from mfsn.reproduce.page import write_table
    from mfsn.reproduce.run import run_rows
    from mfsn.workspace import find_workspace

    plan, workspace = table_named(table), find_workspace()
    params = load_params(workspace)
    experiments = run_rows(
        workspace, params, table, plan, short=short, seeds=_seeds(seeds), say=typer.echo
    )
    rows_ = collect(workspace, plan, experiments, outputs_of(params, Path()))
    rows_.attrs["short"] = short
    columns = ["row", "ua", "ua_std", "wa", "published_ua", "published_wa"]
    kept = rows_[columns].dropna(axis="columns", how="all")
    cells = kept.astype(object).where(kept.notna(), "")
    show([tuple(cells.columns), *cells.itertuples(index=False, name=None)])
    name = f"{table}-short" if short else table
    typer.echo(str(write_table(workspace, params.corpus.name, name, plan, rows_)))


def _seeds(text: str) -> tuple[int, ...]:
    parts = [part for part in text.split(",") if part.strip()]
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"--seeds {text}: it takes whole numbers with commas between, as 0,1,2")
    return tuple(int(part) for part in parts)
