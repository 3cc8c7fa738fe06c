"""`mfsn cache verify`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import cache_app, finish, refuse_unknown
from mfsn.errors import MfsnError, WorkspaceError

if TYPE_CHECKING:
    from mfsn.doctor.digest_rows import DigestRows
    from mfsn.store.upkeep.verify import Problem


@cache_app.command("verify")
def cache_verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove damaged rows; `dvc repro` computes them.")
    ] = False,
    extractor: Annotated[
        str | None, typer.Option(help="Check the rows of this extractor only.")
    ] = None,
    rows: Annotated[
        int,
        typer.Option(
            "--recompute",
            min=0,
            metavar="ROWS",
            help="Compute this many rows per extractor again, chosen at random, and compare them.",
        ),
    ] = 0,
) -> None:
    """Compare every byte of the store with what was written.

    The exit status is 1 if something is wrong and could not be repaired, or if rows are missing.
    It also checks fits, random checkpoints and notes of the store, and the outputs of stages in
    this checkout. With --repair, what is damaged is removed and everything else is kept; the next
    `dvc repro` computes the rows that its digests name and the store lacks, and brings back the
    rest. If somebody changed rows together with their checksums and commit marker, only --recompute
    can find it.
    """
    from mfsn.doctor.digest_rows import describe_all_again
    from mfsn.store.upkeep.verify import lost_rows, verify
    from mfsn.workspace import store_root

    refuse_unknown([] if extractor is None else [extractor])
    root = store_root()
    named, left = _named_here(extractor) if repair or rows else ([], [])
    if repair:
        _say(describe_all_again(root, named))
    report = verify(root, repair, extractor)
    if extractor is None:
        report = replace(report, problems=(*report.problems, *_beside_rows(root, repair)))
    _say(report.sentences())
    left += [problem.sentence() for problem in report.problems if not problem.is_repaired]
    for each in named if rows else ():
        left += _compare(root, each, rows, repair)
    if repair:
        lost = [problem.sentence() for problem in lost_rows(root, extractor)]
        _say([*lost, *([] if left or lost else ["everything is repaired"])])
        left += lost
    finish([], not left)


def _named_here(extractor: str | None) -> tuple[list[DigestRows], list[str]]:
    """What the digests of this checkout name, and errors about digests that cannot be read.

    Every such error is printed, but only those about the extractor asked for are returned. Outside
    of a checkout both lists are empty, since a store can be checked from there too.
    """
    from mfsn.doctor.digest_rows import digest_rows
    from mfsn.workspace import find_workspace

    unreadable = []

    def note(whose: str, error: MfsnError) -> None:
        """Print an error, and remember it if its extractor was asked for."""
        _say([str(error)])
        if extractor in (None, whose):
            unreadable.append(str(error))

    with contextlib.suppress(WorkspaceError):
        return list(digest_rows(find_workspace(), extractor, note)), unreadable
    return [], unreadable


def _beside_rows(root: Path, repair: bool) -> Iterator[Problem]:
    """What is wrong with other files of the store, and with the outputs of this checkout."""
    from mfsn.doctor.kept import check_kept
    from mfsn.doctor.stage_outputs import check_outputs
    from mfsn.workspace import find_workspace

    yield from check_kept(root, repair)
    with contextlib.suppress(WorkspaceError):
        yield from check_outputs(find_workspace(), repair)


def _compare(root: Path, named: DigestRows, rows: int, repair: bool) -> Iterator[str]:
    """Compute rows again and compare; gives what stays wrong."""
    from mfsn.doctor.recompute import recompute, take_out

    try:
        compared = recompute(root, named, rows)
    except MfsnError as error:
        _say([f"{named.digest.store}: not computed again: {error}"])
        yield named.digest.store
        return
    _say([compared.sentence()])
    if compared.differing and repair:
        take_out(root, compared)
    elif compared.differing:
        yield named.digest.store


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
