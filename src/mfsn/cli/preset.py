"""`mfsn preset` and `mfsn set`: what changes params.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfsn.base.quantities import counted
from mfsn.cli.console import app, show
from mfsn.errors import ConfigError

if TYPE_CHECKING:
    from mfsn.presets import Applied
    from mfsn.presets.writing import Change


@app.command(short_help="Rewrite params.yaml for a corpus, or list all presets and sizes.")
def preset(
    name: Annotated[
        str | None, typer.Argument(help="The preset; without it, all are listed.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="demo, small or paper.")] = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Only add what params.yaml lacks, with its defaults."),
    ] = False,
    keep_as: Annotated[
        str | None,
        typer.Option("--save", help="First keep params.yaml as it is, as a preset of this name."),
    ] = None,
) -> None:
    """Rewrite params.yaml for a corpus, or list all presets and sizes.

    `mfsn preset --save NAME` keeps params.yaml in data/presets. `mfsn preset NAME` brings it back.
    """
    from mfsn.presets import apply_preset, complete_params, presets, refuse_unknown, sizes
    from mfsn.presets.saved import save, saved
    from mfsn.workspace import find_workspace

    if complete:
        _refuse_complete_with(name or size)
    if name is None:
        _refuse_size_alone(size)
    else:
        refuse_unknown(find_workspace(), name, size)
    if keep_as is not None:
        kept = save(find_workspace(), keep_as, presets())
        typer.echo(f"params.yaml is kept as {kept}; `mfsn preset {keep_as}` brings it back")
    if complete:
        _tell_applied(complete_params(find_workspace()))
    elif name is not None:
        _tell_applied(apply_preset(find_workspace(), name, size))
    elif keep_as is None:
        mine = [(own, "saved in data/presets") for own in saved(find_workspace())]
        groups = [("preset", ""), *presets().items(), *mine, ("", ""), ("--size", "")]
        show([*groups, *sizes().items()])


@app.command("set", short_help="Set parameters in params.yaml.")
def set_parameters(
    assignments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME VALUE [NAME VALUE]...",
            help="A parameter, such as sec.model, and its value, as in params.yaml.",
        ),
    ],
) -> None:
    """Set parameters in params.yaml, all of them or none. Comments and other values stay.

    `mfsn set sec.model FOLDER` also sets sec.levels and sec.revision, unless you set them in the
    same command: the first, the middle and the last layer of this encoder, and the commit of a
    checkpoint from the hub. `tec.model` works in the same way, with the last layer.
    """
    from mfsn.presets.assigning import assign, pairs
    from mfsn.workspace import find_workspace

    _tell_changes(assign(find_workspace(), pairs(assignments), Path.cwd()))


def _refuse_size_alone(size: str | None) -> None:
    if size is not None:
        raise ConfigError(f"--size needs a preset, such as `mfsn preset demo --size {size}`")


def _refuse_complete_with(given: str | None) -> None:
    if given is not None:
        raise ConfigError(
            f"--complete keeps all values of params.yaml, and {given} replaces some; leave out one"
        )


def _told(change: Change) -> str:
    if change.old is None:
        return f"{change.name}: {_shown(change.new)} (new)"
    return f"{change.name}: {_shown(change.old)} -> {_shown(change.new)}"


def _shown(value: Any) -> str:
    from mfsn.config import plain

    return "none" if value is None else plain(value)


def _tell_changes(changes: Sequence[Change]) -> None:
    for change in changes:
        typer.echo(_told(change))
    changed = counted(len(changes), "parameter")
    typer.echo(f"params.yaml: {changed} changed; next: run it with `dvc repro`")


def _tell_applied(applied: Applied) -> None:
    _tell_changes(applied.changes)
    if applied.lost:
        mine = ", ".join(f"{change.name}: {change.old}" for change in applied.lost)
        typer.echo(
            f"mfsn: warning: values that are in no preset were replaced: {mine}; use git if you "
            "need them again, and next time `--save NAME`",
            err=True,
        )
