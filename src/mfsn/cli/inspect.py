"""`mfsn inspect`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.base.quantities import show_bytes
from mfsn.cli.console import app

if TYPE_CHECKING:
    from mfsn.report.utterance.source import Source


@app.command(short_help="Show audio, features and predictions of utterances.")
def inspect(
    utterances: Annotated[
        list[str] | None,
        typer.Argument(metavar="UTTERANCE...", help="Utterance ids, as in the manifest."),
    ] = None,
    *,
    sample: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Show N random utterances per class instead."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of --sample.")] = 0,
    wrong: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Show the N most confident mistakes instead."),
    ] = None,
    html: Annotated[
        bool,
        typer.Option(
            "--html", help="Write one page for the browser; without ids it shows all utterances."
        ),
    ] = False,
    with_audio: Annotated[
        bool,
        typer.Option("--with-audio", help="Put recordings that need a licence into the page too."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The PNG file, the folder or the page to write.", show_default="in data/inspect/"
        ),
    ] = None,
) -> None:
    """Show the audio, features and prediction of utterances, as PNG pictures or as a page.

    The page contains only recordings that are free to share. Use --with-audio if your licence
    allows the others in it too.
    """
    _refuse_unclear([utterances, sample, wrong], html, with_audio)
    from mfsn.params import load_params
    from mfsn.report.utterance.source import open_source
    from mfsn.workspace import find_workspace

    workspace = find_workspace()
    source = open_source(workspace, load_params(workspace))
    for name, trouble in source.troubles.items():
        typer.echo(f"mfsn: {name} is left out: {trouble}", err=True)
    ids = _choose(source, utterances or [], sample, seed, wrong)
    if html:
        _write_page(source, ids, with_audio, out)
    else:
        _draw(source, ids, out)


def _refuse_unclear(choices: Sequence[object], html: bool, with_audio: bool) -> None:
    asked = sum(bool(choice) for choice in choices)
    if asked > 1 or (not asked and not html):
        raise typer.BadParameter("name utterances, or use one of --sample N, --wrong N or --html")
    if with_audio and not html:
        raise typer.BadParameter("--with-audio works with --html only, since a PNG has no sound")


def _choose(
    source: Source, utterances: Sequence[str], sample: int | None, seed: int, wrong: int | None
) -> list[str]:
    from mfsn.report.utterance import choice

    if utterances:
        return choice.named(source, utterances)
    if sample:
        return choice.sample(source.manifest, sample, seed)
    return choice.most_wrong(source, wrong) if wrong else choice.for_page(source)


def _draw(source: Source, ids: Sequence[str], out: Path | None) -> None:
    from mfsn.report.utterance.inspect import draw_pictures

    paths = draw_pictures(source, ids, out)
    for name, path in zip(ids, paths, strict=True):
        decision = source.decision_of(name) or source.rating_of(name)
        said = f"{decision}; {decision.origin}" if decision else "no prediction"
        typer.echo(f"{_short(path)}: label {source.facts_of(name)['emotion']}, {said}")


def _write_page(source: Source, ids: Sequence[str], with_audio: bool, out: Path | None) -> None:
    from mfsn.corpora.licences import is_free_to_share
    from mfsn.report.utterance.inspect import write_page

    path = write_page(source, ids, (lambda _: True) if with_audio else is_free_to_share, out)
    shown = f"{len(ids)} of {len(source.manifest)} utterances"
    typer.echo(f"{_short(path)}: {shown}, {show_bytes(path.stat().st_size)}")


def _short(path: Path) -> Path:
    """The path relative to the current folder, if it lies in it; else the path as it is."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path
