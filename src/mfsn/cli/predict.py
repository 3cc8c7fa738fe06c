"""`mfsn predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import app, finish, show

if TYPE_CHECKING:
    from mfsn.prediction.records import Prediction, Predictions

LONG_S = 60.0
"""Recordings that are longer get their emotions over time."""


@app.command(short_help="Predict the emotions in audio files.")
def predict(
    files: Annotated[list[str], typer.Argument(help="Audio files of any length and rate.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with each segment.")] = False,
    model: Annotated[
        Path | None, typer.Option(help="The folder of a trained model; by default the best one.")
    ] = None,
) -> None:
    """Predict the emotions of audio files, or their valence, arousal and dominance.

    Recordings of more than a minute also get their emotions over time. Posteriors are not
    calibrated: a posterior of 0.99 is no certainty of 99 %.

    Files that cannot be decoded are named on stderr and the exit status is 1; the others are
    predicted all the same.
    """
    import json

    from mfsn.prediction.predict import predict as predict_files

    found = predict_files(files, model=model, keep_going=True, say=_say)
    for warning in found.warnings:
        typer.echo(f"mfsn: warning: {warning}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=1, ensure_ascii=False))
    else:
        _print_table(found)
    for failure in found.failures:
        typer.echo(f"mfsn: {failure}", err=True)
    finish([], not found.failures)


def _say(line: str) -> None:
    typer.echo(f"mfsn: {line}", err=True)


def _print_table(found: Predictions) -> None:
    table = found.to_frame()
    posteriors = [name.startswith("posterior_") for name in table.columns]
    show(
        [
            tuple(name.removeprefix("posterior_") for name in table.columns),
            *(
                tuple(_rounded(*cell) for cell in zip(row, posteriors, strict=True))
                for row in table.itertuples(index=False, name=None)
            ),
        ]
    )
    for file in found.files:
        if file.duration_s > LONG_S and len(file.pieces) > 1:
            _print_over_time(file)
    typer.echo(f"by {found.model}", err=True)


def _print_over_time(file: Prediction) -> None:
    """The windows of a long recording, with the emotion that is strongest in each."""
    windows, named = file.over_time(), bool(file.posteriors)
    header = ["emotion", *file.posteriors] if named else [*file.values]
    rows = [("from", "to", *header)]
    for window in windows:
        scores = window.posteriors if named else window.values
        strongest = [max(scores, key=scores.__getitem__)] if named else []
        cells = [str(_rounded(value, named)) for value in scores.values()]
        rows.append((_clock(window.start_s), _clock(window.end_s), *strongest, *cells))
    typer.echo(f"\n{file.path} over time:")
    show(rows)


def _clock(seconds: float) -> str:
    """Minutes and seconds, such as `1:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _rounded(cell: object, posterior: bool) -> object:
    """Three decimals, but no posterior reads as the certainty of 1.000."""
    if not isinstance(cell, float):
        return cell
    return ">0.999" if posterior and cell >= 0.9995 else f"{cell:.3f}"
