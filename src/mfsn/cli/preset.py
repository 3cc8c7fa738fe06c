"""`mfsn preset`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfsn.cli.console import app, show
from mfsn.errors import ConfigError

if TYPE_CHECKING:
    from mfsn.presets import Applied


@app.command()
def preset(
    name: Annotated[
        str | None, typer.Argument(help="The preset; without it, all are listed.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="demo, small or paper.")] = None,
) -> None:
    """Rewrite params.yaml for a corpus, or list all presets and sizes."""
    from mfsn.presets import apply_preset, presets, sizes
    from mfsn.workspace import find_workspace

    if name is not None:
        _tell_applied(apply_preset(find_workspace(), name, size))
        return
    _refuse_size_alone(size)
    show([("preset", ""), *presets().items(), ("", ""), ("--size", ""), *sizes().items()])


def _refuse_size_alone(size: str | None) -> None:
    if size is not None:
        raise ConfigError(f"--size needs a preset, such as `mfsn preset demo --size {size}`")


def _shown(value: Any) -> Any:
    return "nothing" if value is None else value


def _tell_applied(applied: Applied) -> None:
    for change in applied.changes:
        typer.echo(f"{change.name}: {_shown(change.old)} -> {_shown(change.new)}")
    typer.echo(
        f"params.yaml: {len(applied.changes)} parameters changed; next: run them with `dvc repro`"
    )
    if applied.lost:
        mine = ", ".join(f"{change.name}: {change.old}" for change in applied.lost)
        typer.echo(
            f"mfsn: warning: values that are in no preset were replaced: {mine}; use git if you "
            "need them again",
            err=True,
        )
