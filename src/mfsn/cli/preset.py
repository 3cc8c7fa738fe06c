"""`mfsn preset`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfsn.base.quantities import counted
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
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Only add what params.yaml lacks, with its defaults."),
    ] = False,
) -> None:
    """Rewrite params.yaml for a corpus, or list all presets and sizes."""
    from mfsn.presets import apply_preset, complete_params, presets, sizes
    from mfsn.workspace import find_workspace

    if complete:
        _refuse_complete_with(name or size)
        _tell_applied(complete_params(find_workspace()))
        return
    if name is not None:
        _tell_applied(apply_preset(find_workspace(), name, size))
        return
    _refuse_size_alone(size)
    show([("preset", ""), *presets().items(), ("", ""), ("--size", ""), *sizes().items()])


def _refuse_size_alone(size: str | None) -> None:
    if size is not None:
        raise ConfigError(f"--size needs a preset, such as `mfsn preset demo --size {size}`")


def _refuse_complete_with(given: str | None) -> None:
    if given is not None:
        raise ConfigError(
            f"--complete keeps all values of params.yaml, and {given} replaces some; leave out one"
        )


def _shown(value: Any) -> Any:
    return "nothing" if value is None else value


def _tell_applied(applied: Applied) -> None:
    for change in applied.changes:
        typer.echo(f"{change.name}: {_shown(change.old)} -> {_shown(change.new)}")
    changed = counted(len(applied.changes), "parameter")
    typer.echo(f"params.yaml: {changed} changed; next: run it with `dvc repro`")
    if applied.lost:
        mine = ", ".join(f"{change.name}: {change.old}" for change in applied.lost)
        typer.echo(
            f"mfsn: warning: values that are in no preset were replaced: {mine}; use git if you "
            "need them again",
            err=True,
        )
