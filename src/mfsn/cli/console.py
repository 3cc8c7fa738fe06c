"""What all commands share: the applications to which they are added, and how they print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from mfsn import __version__
from mfsn.errors import ConfigError

_SETTINGS: dict[str, Any] = {"no_args_is_help": True, "add_completion": False}
_SETTINGS |= {"rich_markup_mode": None, "pretty_exceptions_enable": False}
app = typer.Typer(help="Speech emotion recognition from cached features.", **_SETTINGS)
corpus_app = typer.Typer(help="Check a corpus before you run the pipeline.", **_SETTINGS)
cache_app = typer.Typer(help="List, check, repair and share the cached features.", **_SETTINGS)
app.add_typer(corpus_app, name="corpus")
app.add_typer(cache_app, name="cache")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mfsn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """Speech emotion recognition from cached features."""


def finish(lines: Sequence[str], good: bool) -> None:
    """Print lines and end the command.

    Raises:
        typer.Exit: always, with status 0, or with 1 if `good` is false.
    """
    for line in lines:
        typer.echo(line)
    raise typer.Exit(0 if good else 1)


def refuse_unknown(extractors: Iterable[str]) -> None:
    """Check that each name is an extractor or `waveform`, which stands for the segments' waves.

    Raises:
        ConfigError: if a name is neither.
    """
    from mfsn import plugins
    from mfsn.store.messages import WAVEFORM

    known = [WAVEFORM, *plugins.names("extractors")]

    for name in extractors:
        if name not in known:
            raise ConfigError(
                f"--extractor {name}: there is no extractor of this name; choose one of "
                f"{', '.join(known)}"
            )


def show(rows: Sequence[Sequence[object]]) -> None:
    """Print rows as a table; each column is as wide as its widest cell."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        typer.echo("  ".join(map(str.ljust, row, widths)).rstrip())


@contextmanager
def saying_what_comes_next() -> Iterator[Callable[[str], None]]:
    """Say on stderr what is looked at next: one line in a terminal, which goes away at the end, or
    a line each in a log.
    """
    in_terminal = sys.stderr.isatty()
    clear = "\r\033[K" if in_terminal else ""

    def tell(what: str) -> None:
        """Say it."""
        typer.echo(f"{clear}looking at {what} ...", err=True, nl=not in_terminal)

    try:
        yield tell
    finally:
        typer.echo(clear, err=True, nl=False)
