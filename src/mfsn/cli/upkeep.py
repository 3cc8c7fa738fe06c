"""`mfsn cache gc`, `mfsn cache why` and `mfsn doctor`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from mfsn.base.quantities import parse_bytes, parse_duration, show_bytes, show_duration
from mfsn.cli.console import app, cache_app, finish, show
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
        bool, typer.Option("--delete", "--yes", help="Do it; without, only say what would go.")
    ] = False,
    grace: Annotated[str, typer.Option(help="Spare what is younger: 12h, 7d, 0.")] = "7d",
    compact: Annotated[
        bool, typer.Option("--compact", help="Write every partly needed shard anew.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(envvar=BUDGET_VARIABLE, help="Evict what was read least recently: 50GB."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let the budget evict what is in use here, too.")
    ] = False,
    forget: Annotated[
        list[str] | None, typer.Option(help="A checkout that is gone for good; can be repeated.")
    ] = None,
    all_commits: Annotated[
        bool, typer.Option("--all-commits", help="Spare what any commit of the history names.")
    ] = False,
    run_cache: Annotated[
        bool, typer.Option("--run-cache", help="Spare what DVC's run-cache can bring back.")
    ] = False,
) -> None:
    """Free what no checkout, branch, tag, experiment or job needs; a dry run without --delete."""
    from mfsn.store.gc.gc import carry_out, make_plan
    from mfsn.store.gc.plan import Wish
    from mfsn.store.gc.references import Scope
    from mfsn.workspace import store_root

    root = store_root()
    wish = Wish(
        grace_s=parse_duration(grace, "--grace"),
        compact=compact,
        budget=_budget(budget),
        force=force,
        scope=Scope(all_commits, run_cache, _known_checkouts(root, forget or [])),
    )
    plan = make_plan(root, _here(), wish)
    show([_HEADER, *(_row(directory) for directory in plan.directories)])
    left = carry_out(plan) if delete else []
    finish([*_told(plan, delete), *left], plan.fits and not left)


@cache_app.command("why")
def cache_why(
    asked: Annotated[
        str, typer.Argument(metavar="SEGMENT|EXTRACTOR", help="A segment, utterance or extractor.")
    ],
) -> None:
    """Say which part of a key changed, from what to what."""
    from mfsn.doctor.why.explain import why
    from mfsn.workspace import find_workspace, store_root

    typer.echo("\n".join(why(asked, find_workspace(), store_root())))


@app.command()
def doctor() -> None:
    """Estimate disk, memory and time of a run, and check all it needs; status 1 if it cannot be."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # it looks, and downloads nothing
    from mfsn.doctor.examine import examine
    from mfsn.workspace import find_workspace, store_root

    found = examine(find_workspace(), store_root())
    show([(finding.mark, finding.what, finding.found) for finding in found.findings])
    if found.works:
        typer.echo()
        show([_WORK_HEADER, *(_work_row(work) for work in found.works)])
    finish(["", _verdict(found.problems)], not found.problems)


_WORK_HEADER = ("extractor", "rows", "in the store", "bytes a row", "will write", "about")


def _verdict(problems: list[Finding]) -> str:
    if not problems:
        return "ready to run"
    named = ", ".join(problem.what for problem in problems)
    return f"it will not run before what is marked NO is mended: {named}"


def _work_row(work: Work) -> tuple[object, ...]:
    seconds = "?" if work.seconds is None else show_duration(work.seconds)
    name, written = work.spec.extractor, show_bytes(work.bytes)
    return (name, work.rows, work.there, work.row_bytes, written, seconds)


_HEADER = (
    "directory", "rows", "size", "needed", "evicted", "young", "unneeded", "frees", "needed by",
)  # fmt: skip


def _row(plan: DirectoryPlan) -> tuple[object, ...]:
    counts = (plan.needed, len(plan.evicted), len(plan.young), len(plan.unneeded))
    by = ", ".join(plan.sources[:3]) + (", ..." if len(plan.sources) > 3 else "")
    size, rows = show_bytes(plan.contents.bytes), len(plan.contents.home)
    return (plan.name, rows, size, *counts, show_bytes(plan.freed), by or "nothing")


def _told(plan: Plan, deleted: bool) -> Iterator[str]:
    yield from plan.remarks
    yield from _told_evicted(plan, deleted)
    if plan.runs or plan.runs_kept:
        yield _told_runs(plan, deleted)
    if plan.run_cache:
        forgets = "forgets" if deleted else "would forget"
        yield f"DVC's run-cache {forgets} {len(plan.run_cache)} digests whose rows go"
    left = sum(directory.left for directory in plan.directories)
    if left:
        yield f"{show_bytes(left)} stay in shards that are needed for the better part (--compact)"
    yield from _told_totals(plan, deleted)


def _told_evicted(plan: Plan, deleted: bool) -> Iterator[str]:
    for rows in plan.evicted:
        ago = show_duration(time.time() - rows.used) + " ago" if rows.used < time.time() else "now"
        evicts = "evicts" if deleted else "would evict"
        yield f"{rows.directory}: the budget {evicts} {rows.rows} rows, last used {ago}"
    for loss in plan.losses:
        yield loss.sentence(deleted)


def _told_runs(plan: Plan, deleted: bool) -> str:
    """Working folders lie in the store beside rows, and count in the totals."""
    size = sum(folder.bytes for folder in plan.runs)
    total, go = show_bytes(size + plan.runs_kept), "go" if deleted else "would go"
    folders = f"{len(plan.runs)} that are older than --grace {go}, {show_bytes(size)}"
    return f"runs (working folders of search and train): {total} of the total; {folders}"


def _told_totals(plan: Plan, deleted: bool) -> Iterator[str]:
    after = show_bytes(plan.bytes - plan.freed)
    if not plan.fits:
        yield (
            f"{after} remain, more than the budget of {show_bytes(plan.budget or 0)}: the rest is "
            "in use here (--force evicts it), or younger than --grace, as working folders can be"
        )
    verb = "freed" if deleted else "would be freed"
    yield f"{show_bytes(plan.freed)} of {show_bytes(plan.bytes)} {verb}, {after} remain" + (
        "" if deleted else "; nothing was deleted: --delete does it"
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
            f"--forget {unknown[0]}: no such checkout is noted; known are {', '.join(known)}"
        )
    return tuple(names)


def _here() -> Path | None:
    from mfsn.errors import WorkspaceError
    from mfsn.workspace import main_checkout

    try:
        return main_checkout()
    except WorkspaceError:
        return None
