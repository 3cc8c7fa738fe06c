"""`mfsn guidance`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import app, show

if TYPE_CHECKING:
    import pandas as pd


@app.command()
def guidance(
    sample: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="N test utterances of each fold; else all."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of table and picture.", show_default="data/inspect/")
    ] = None,
) -> None:
    """How far co-attention's frame weights follow level and pitch in the test utterances.

    Beside each correlation stands that with the weights of another utterance. Pitch takes about
    0.15 s a segment and librosa (pip install "mfsn[pitch]").
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
    typer.echo(f"{folder / 'guidance.png'}, and each utterance in guidance.csv beside it")


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
    show([("stream", "follows", "correlation", "of another's weights", "utterances"), *lines])
