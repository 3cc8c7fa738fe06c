"""`mfsn results`."""

from __future__ import annotations

from typing import Annotated

import typer

from mfsn.cli.console import app
from mfsn.errors import ConfigError


@app.command(short_help="Show the scores of all finished runs in one table.")
def results(
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with every column.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every column.")] = False,
) -> None:
    """Show the scores of all finished runs in one table.

    These are the outputs in data/results, and the experiments that DVC keeps (`dvc exp run`), from
    whichever commit they started. Below an experiment stand the parameters in which it differs from
    its commit.
    """
    _refuse_two_formats(as_csv, as_json)
    from mfsn.report.results.collect import results as collect
    from mfsn.report.results.listing import lines
    from mfsn.workspace import find_workspace

    table = collect(find_workspace())
    if as_csv:
        typer.echo(table.to_csv(index=False), nl=False)
    elif as_json:
        typer.echo(table.to_json(orient="records", indent=1, force_ascii=False))
    elif table.empty:
        typer.echo("no run has finished yet; next: `dvc repro`")
    else:
        typer.echo("\n".join(lines(table)))


def _refuse_two_formats(as_csv: bool, as_json: bool) -> None:
    if as_csv and as_json:
        raise ConfigError("--csv and --json are two formats; choose one")
