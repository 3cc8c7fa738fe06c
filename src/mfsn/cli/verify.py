"""`mfsn cache verify`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.cli.console import cache_app, refuse_unknown
from mfsn.errors import MfsnError, WorkspaceError

if TYPE_CHECKING:
    from mfsn.doctor.mending.refill import DigestRows


@cache_app.command("verify")
def cache_verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Take damaged rows out and compute them again.")
    ] = False,
    extractor: Annotated[str | None, typer.Option(help="Check the rows of this one only.")] = None,
    rows: Annotated[
        int,
        typer.Option(
            "--recompute",
            min=0,
            metavar="ROWS",
            help="Compute so many rows of each extractor again, picked at random, and compare.",
        ),
    ] = 0,
) -> None:
    """Compare every byte with what was written; status 1 if something is wrong, or stays so.

    Rows that a digest of this checkout names are computed again by --repair, waves from the
    recordings; where another checkout names them, the same command there does it. A commit marker
    that was forged together with its checksums shows by --recompute alone.
    """
    from mfsn.doctor.mending.refill import describe_all_again
    from mfsn.store.upkeep.verify import lost_rows, verify
    from mfsn.workspace import store_root

    refuse_unknown([] if extractor is None else [extractor])
    root = store_root()
    named, left = _named_here(extractor) if repair or rows else ([], [])
    if repair:
        _say(describe_all_again(root, named))
    report = verify(root, repair, extractor)
    _say(report.sentences())
    left += [problem.sentence() for problem in report.problems if not problem.is_mended]
    for each in named:
        left += _compute(root, each, rows, repair)
    if repair:
        lost = [problem.sentence() for problem in lost_rows(root, extractor)]
        _say([*lost, *([] if left or lost else ["nothing is left to mend"])])
        left += lost
    raise typer.Exit(1 if left else 0)


def _named_here(extractor: str | None) -> tuple[list[DigestRows], list[str]]:
    """What the digests of this checkout name; a store can be checked from outside of one, too.

    Also gives the digests that cannot be read, of those asked for; it says this of all.
    """
    from mfsn.doctor.mending.refill import digest_rows
    from mfsn.workspace import find_workspace

    unreadable = []

    def note(whose: str, error: MfsnError) -> None:
        _say([str(error)])
        if extractor in (None, whose):
            unreadable.append(str(error))

    with contextlib.suppress(WorkspaceError):
        return list(digest_rows(find_workspace(), extractor, note)), unreadable
    return [], unreadable


def _compute(root: Path, named: DigestRows, rows: int, repair: bool) -> Iterator[str]:
    """Fill in what is lost, then compare; gives what is left wrong."""
    from mfsn.doctor.mending.recompute import recompute, take_out
    from mfsn.doctor.mending.refill import refill

    if repair:
        _say(refilled.sentence() for refilled in refill(root, [named]))
    if rows:
        try:
            compared = recompute(root, named, rows)
        except MfsnError as error:
            _say([f"{named.digest.store}: not computed again: {error}"])
            yield named.digest.store
            return
        _say([compared.sentence()])
        if compared.differing and repair:
            take_out(root, compared)
            _say(refilled.sentence() for refilled in refill(root, [named]))
        elif compared.differing:
            yield named.digest.store


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
