"""`mfsn guidance`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import app, show

if TYPE_CHECKING:
    import pandas as pd


@app.command(short_help="Measure what the frame weights of co-attention follow.")
def guidance(
    sample: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="N", help="Measure N test utterances per fold; by default all."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the table and the picture.", show_default="data/inspect/"),
    ] = None,
) -> None:
    """Measure how closely the frame weights of co-attention follow sound level and pitch.

    They are correlated in the test utterances. For comparison, each correlation is also computed
    with the frame weights of another utterance. Pitch needs librosa (pip install "mfsn[pitch]")
    and about 0.15 s per segment.
    """
    from mfsn.base.files import write_bytes, write_text
    from mfsn.params import load_params, outputs_of
    from mfsn.report.guidance.guidance import measure, summarise
    from mfsn.report.guidance.picture import draw_guidance
    from mfsn.workspace import find_workspace

    workspace = find_workspace()
    params = load_params(workspace)
    correlations = measure(workspace, params, sample)
    _show_summary(summarise(correlations))
    named = outputs_of(params, workspace)
    folder = out or workspace / "data" / "inspect" / named.corpus / named.experiment
    title = f"{params.system} on {params.corpus.name}: {correlations['fold'].nunique()} test folds"
    write_text(folder / "guidance.csv", correlations.to_csv(index=False))
    write_bytes(folder / "guidance.png", draw_guidance(correlations, title))
    typer.echo(f"{folder / 'guidance.png'}; guidance.csv beside it has one row per utterance")


def _show_summary(summary: pd.DataFrame) -> None:
    lines = [
        (
            row["stream"],
            row["quantity"],
            f"{row['mean']:+.2f} ± {row['std']:.2f}",
            f"{row['control_mean']:+.2f} ± {row['control_std']:.2f}",
            f"{row['utterances']} of {row['of']}",
        )
        for row in summary.to_dict("records")
    ]
    show([("stream", "quantity", "correlation", "another's weights", "utterances"), *lines])
