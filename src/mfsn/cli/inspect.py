"""`mfsn inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfsn.cli.console import app


@app.command()
def inspect(
    utterance: Annotated[str, typer.Argument(help="Utterance id, as in the manifest.")],
    out: Annotated[Path | None, typer.Option(help="PNG to write.", show_default="ID.png")] = None,
) -> None:
    """Draw an utterance's features and prediction as PNG."""
    from mfsn.params import load_params
    from mfsn.report.inspect import inspect_utterance
    from mfsn.workspace import find_workspace

    path = out or Path("".join(c if c.isalnum() or c in "-_." else "_" for c in utterance) + ".png")
    workspace = find_workspace()
    inspect_utterance(workspace, load_params(workspace), utterance, path)
    typer.echo(str(path))
