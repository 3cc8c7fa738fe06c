"""`mfsn results`."""

from __future__ import annotations

from typing import Annotated

import typer

from mfsn.cli.console import app, show
from mfsn.errors import ConfigError


@app.command(short_help="Show the scores of all finished runs in one table.")
def results(
    commits: Annotated[
        int, typer.Option(min=1, help="From how many commits experiments are listed, HEAD first.")
    ] = 1,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with every column.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every column.")] = False,
) -> None:
    """Show the scores of all finished runs in one table.

    These are the outputs in data/results, and the experiments that DVC keeps (`dvc exp run`). Of an
    experiment the table says in which parameters it differs from its commit.
    """
    _refuse_two_formats(as_csv, as_json)
    from mfsn.report.results import results as collect
    from mfsn.report.results import shown
    from mfsn.workspace import find_workspace

    table = collect(find_workspace(), commits)
    if as_csv:
        typer.echo(table.to_csv(index=False), nl=False)
    elif as_json:
        typer.echo(table.to_json(orient="records", indent=1, force_ascii=False))
    elif table.empty:
        typer.echo("no run has finished yet; next: `dvc repro`")
    else:
        show(shown(table))


def _refuse_two_formats(as_csv: bool, as_json: bool) -> None:
    if as_csv and as_json:
        raise ConfigError("--csv and --json are two formats; choose one")
