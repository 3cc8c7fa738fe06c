"""`mfsn predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import app, finish, show

if TYPE_CHECKING:
    from mfsn.prediction.records import Predictions


@app.command()
def predict(
    files: Annotated[list[str], typer.Argument(help="Audio files of any length and rate.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with each segment.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="The folder of a trained model; by default the best one.")
    ] = None,
) -> None:
    """Predict the emotions of audio files, or their valence, arousal and dominance.

    Files that cannot be decoded are named on stderr and the exit status is 1; the others are
    predicted all the same.
    """
    import json

    from mfsn.prediction.predict import predict as predict_files

    found = predict_files(files, model=model, keep_going=True)
    for warning in found.warnings:
        typer.echo(f"mfsn: warning: {warning}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
    else:
        _print_table(found)
    for failure in found.failures:
        typer.echo(f"mfsn: {failure}", err=True)
    finish([], not found.failures)


def _print_table(found: Predictions) -> None:
    table = found.to_frame().rename(columns=lambda name: name.removeprefix("posterior_"))
    rows = table.itertuples(index=False, name=None)
    show([tuple(table.columns), *(tuple(map(_rounded, row)) for row in rows)])
    typer.echo(f"by {found.model}", err=True)


def _rounded(cell: object) -> object:
    return f"{cell:.3f}" if isinstance(cell, float) else cell
