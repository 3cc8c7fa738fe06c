"""`mfsn cache gc`, `mfsn cache why` and `mfsn doctor`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.base.quantities import counted, parse_bytes, parse_duration, show_bytes, show_duration
from mfsn.cli.console import app, cache_app, finish, saying_what_comes_next, show
from mfsn.errors import ConfigError
from mfsn.workspace import BUDGET_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from mfsn.doctor.checks import Finding
    from mfsn.doctor.estimate import Work
    from mfsn.store.gc.plan import DirectoryPlan, Plan


@cache_app.command("gc")
def cache_gc(
    *,
    delete: Annotated[
        bool, typer.Option("--delete", "--yes", help="Delete; without it, only say what would go.")
    ] = False,
    unused: Annotated[
        str, typer.Option(help="Delete rows that no digest names after this time without use.")
    ] = "7d",
    grace: Annotated[
        str, typer.Option(help="Keep everything that was written or read in this time: 12h, 1d, 0.")
    ] = "1d",
    compact: Annotated[
        bool, typer.Option("--compact", help="Also rewrite shards, without unnamed rows or gaps.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            envvar=BUDGET_VARIABLE, help="Delete more until the store is this small: 50GB."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let the budget delete what working trees name, too.")
    ] = False,
    forget: Annotated[
        list[str] | None, typer.Option(help="A checkout that is gone for good; can be repeated.")
    ] = None,
) -> None:
    """Free space in the store. Without --delete it only says what would go, and why.

    Rows stay if a digest names them: in the working tree of a registered checkout, or in a commit
    to which a branch, a tag or a DVC experiment leads. Other rows go when nobody used them for the
    time --unused. With a budget more goes: first unnamed rows, then rows of branches, tags and
    experiments, each in the order of their last use. `dvc repro` computes again what it misses.
    """
    from mfsn.store.gc.gc import carry_out, make_plan
    from mfsn.store.gc.plan import Wish
    from mfsn.workspace import store_root

    root = store_root()
    wish = Wish(
        unused_s=parse_duration(unused, "--unused"),
        grace_s=parse_duration(grace, "--grace"),
        budget=_budget(budget),
        force=force,
        compact=compact,
        forgotten=_known_checkouts(root, forget or []),
    )
    plan = make_plan(root, _here(), wish)
    show([_HEADER, *(_row(directory) for directory in plan.directories)])
    left = carry_out(plan) if delete else []
    finish([*_told(plan, delete), *left], plan.is_within_budget and not left)


@cache_app.command("why", short_help="Explain why a row has its key.")
def cache_why(
    asked: Annotated[
        str, typer.Argument(metavar="SEGMENT|EXTRACTOR", help="A segment, utterance or extractor.")
    ],
) -> None:
    """Explain why a row has its key: what changed, with the old and the new value."""
    from mfsn.doctor.why.explain import why
    from mfsn.workspace import find_workspace, store_root

    typer.echo("\n".join(why(asked, find_workspace(), store_root())))


@app.command(short_help="Check what a run needs, and estimate what it takes.")
def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Only what takes seconds: no recordings, no estimates.")
    ] = False,
) -> None:
    """Check everything that a run needs, and estimate its disk, memory and time.

    Each encoder computes a few batches to measure its time, so this can take a minute or two. The
    exit status is 1 if a stage would refuse to run.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # it only checks, and downloads nothing
    findings, works = _quickly() if quick else _thoroughly()
    show([(finding.mark, finding.what, finding.found) for finding in findings])
    if works:
        typer.echo()
        show([_WORK_HEADER, *(_work_row(work) for work in works)])
    problems = [finding for finding in findings if not finding.is_good]
    finish(["", _verdict(problems, quick)], not problems)


def _quickly() -> tuple[Sequence[Finding], Sequence[Work]]:
    from mfsn.doctor.quick import examine_quickly
    from mfsn.workspace import find_workspace

    return examine_quickly(find_workspace()), ()


def _thoroughly() -> tuple[Sequence[Finding], Sequence[Work]]:
    from mfsn.doctor.examine import examine
    from mfsn.workspace import find_workspace, store_root

    with saying_what_comes_next() as tell:
        found = examine(find_workspace(), store_root(), tell=tell)
    return found.findings, found.works


_WORK_HEADER = ("extractor", "rows", "in the store", "bytes per row", "will write", "about")


def _verdict(problems: list[Finding], quick: bool) -> str:
    if problems:
        named = ", ".join(dict.fromkeys(problem.what for problem in problems))
        return f"it will not run before you correct what is marked NO: {named}"
    return "nothing found that stops a run" if quick else "ready to run"


def _work_row(work: Work) -> tuple[object, ...]:
    seconds = "?" if work.seconds is None else show_duration(work.seconds)
    name, written = work.spec.extractor, show_bytes(work.bytes)
    return (name, work.rows, work.there, work.row_bytes, written, seconds)


_HEADER = (
    "directory", "rows", "size", "named", "unused", "over budget", "frees", "named by",
)  # fmt: skip


def _row(plan: DirectoryPlan) -> tuple[object, ...]:
    """A line about a store directory, in numbers of rows."""
    named = sum(len(shard.named) for shard in plan.shards)
    rows, unused, evicted = (
        sum(shard.rows for shard in plan.shards if chosen is None or shard.number in chosen)
        for chosen in (None, plan.unused, plan.evicted)
    )
    by = ", ".join(plan.sources[:3]) + (", ..." if len(plan.sources) > 3 else "")
    freed = show_bytes(plan.freed)
    return (plan.name, rows, show_bytes(plan.bytes), named, unused, evicted, freed, by or "nothing")


def _told(plan: Plan, deleted: bool) -> Iterator[str]:
    yield from plan.remarks
    yield from _told_losses(plan, deleted)
    rewritten = sum(len(each.rewritten - each.deleted) for each in plan.directories)
    if rewritten:
        done = "were rewritten" if deleted else "would be rewritten"
        yield f"{counted(rewritten, 'shard')} {done}, with only the rows that digests name"
    if plan.fits or plan.fits_kept:
        yield _told_fits(plan, deleted)
    yield from _told_totals(plan, deleted)


def _told_losses(plan: Plan, deleted: bool) -> Iterator[str]:
    losses = list(plan.losses())
    if losses:
        yield (
            "to meet the budget, these rows were deleted:"
            if deleted
            else ("to meet the budget, these rows would be deleted:")
        )
        yield from (f"  {loss}" for loss in losses)


def _told_fits(plan: Plan, deleted: bool) -> str:
    size = sum(folder.bytes for folder in plan.fits)
    go = "were deleted" if deleted else "would be deleted"
    return (
        f"working folders of search and train: {show_bytes(size + plan.fits_kept)} of the total; "
        f"{len(plan.fits)} unused ones with {show_bytes(size)} {go}"
    )


def _told_totals(plan: Plan, deleted: bool) -> Iterator[str]:
    after = show_bytes(plan.bytes - plan.freed)
    if not plan.is_within_budget:
        yield (
            f"{after} remain, more than the budget of {show_bytes(plan.budget or 0)}: the rest was "
            "used within --grace, or a working tree names it (--force deletes that, too)"
        )
    verb = "freed" if deleted else "would be freed"
    yield f"{show_bytes(plan.freed)} of {show_bytes(plan.bytes)} {verb}, {after} remain" + (
        "" if deleted else "; nothing was deleted, --delete does it"
    )


def _budget(text: str | None) -> int | None:
    given = "--budget" if text != os.environ.get(BUDGET_VARIABLE) else BUDGET_VARIABLE
    return parse_bytes(text, given) if text else None


def _known_checkouts(root: Path, names: list[str]) -> tuple[str, ...]:
    from mfsn.store.owners import owners

    known = sorted({owner.checkout for owner in owners(root)})
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            f"--forget {unknown[0]}: no such checkout is registered; known are {', '.join(known)}"
        )
    return tuple(names)


def _here() -> Path | None:
    from mfsn.errors import WorkspaceError
    from mfsn.workspace import main_checkout

    try:
        return main_checkout()
    except WorkspaceError:
        return None
