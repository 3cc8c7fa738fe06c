"""Garbage collection: frees what no working tree, job, branch, tag, experiment or stash needs.

First a plan, which only looks; then the plan is carried out, each directory under its lock. Before
rows go, DVC forgets the digests that name them: the run-cache all of them, so that it brings back
no digest without rows; where a budget evicts rows that a working tree names, the working tree and
DVC's cache too, so that `dvc repro` there computes them again. What a branch, tag or experiment
names stays in DVC's cache: after going back to it, readers name the command that computes the rows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tqdm import tqdm

from mfsn.errors import CacheError, MfsnError
from mfsn.store.gc.budget import evict
from mfsn.store.gc.compaction import free
from mfsn.store.gc.contents import Contents, all_contents
from mfsn.store.gc.dvc import Output, RunCacheEntry, cache_folder, run_cache
from mfsn.store.gc.fit_folders import run_folders
from mfsn.store.gc.forgetting import losses
from mfsn.store.gc.needs import Need, needs
from mfsn.store.gc.plan import DirectoryPlan, Evicted, Plan, Wish
from mfsn.store.gc.references import References
from mfsn.store.messages import explaining
from mfsn.store.owners import forget, last_use


def make_plan(store_root: Path, current: Path | None, wish: Wish) -> Plan:
    """Decide what can go; nothing is changed.

    Args:
        store_root: root of the feature cache.
        current: the main checkout of the present workspace; None outside of one.
        wish: what is asked for.

    Raises:
        CacheError: if the store cannot be read.
    """
    before = time.time() - wish.grace_s
    contents, remarks = all_contents(store_root, before)
    references = References(store_root, current, wish.scope, before)
    found = list(references)
    needed = needs(found, last_use(store_root))
    plans = [_plan(each, needed, before, wish) for each in contents]
    old, kept = run_folders(store_root, before)
    evicted: list[Evicted] = []
    if wish.budget is not None:
        plans, evicted = evict(plans, needed, wish.budget - kept, wish.force)
    going = {plan.name: plan.going for plan in plans if plan.going}
    return Plan(
        store_root=store_root,
        before=before,
        directories=tuple(plans),
        runs=tuple(old),
        runs_kept=kept,
        run_cache=tuple(_dangling(references, going)),
        evicted=tuple(evicted),
        losses=tuple(losses(found, going)),
        stale=tuple(references.stale),
        gone=(*references.gone, *wish.scope.forgotten),
        remarks=(*remarks, *references.remarks),
        budget=wish.budget,
    )


def carry_out(plan: Plan) -> list[str]:
    """Do what is planned.

    Returns:
        A sentence about each directory, folder or entry that had to be left, and why.
    """
    steps: list[tuple[str, Callable[[], object]]] = [
        (str(entry.file), entry.forget) for entry in plan.run_cache
    ]
    steps += [
        (f"{loss.checkout}: {loss.digest}", partial(loss.forget, plan.store_root))
        for loss in plan.losses
    ]
    steps += [(str(copy), partial(_remove, copy)) for copy in plan.stale]
    steps += [(checkout, partial(forget, plan.store_root, checkout)) for checkout in plan.gone]
    for directory in plan.directories:
        if not directory.is_idle:
            steps.append((directory.name, partial(free, plan.store_root, directory, plan.before)))
    steps += [(folder.path.name, folder.remove) for folder in plan.runs]
    left = []
    for name, step in tqdm(steps, "gc", unit="step", disable=None):
        try:
            step()
        except CacheError as error:
            left.append(f"{name} is left: {error}")
    return left


def _plan(
    contents: Contents, needed: Mapping[str, Need], before: float, wish: Wish
) -> DirectoryPlan:
    need = needed.get(contents.layout.spec.directory, Need())
    unneeded = {key for key in contents.home if need.use(key) is None}
    young = {key for key in unneeded if contents.committed_at[contents.home[key]] >= before}
    return DirectoryPlan(
        contents=contents,
        unneeded=frozenset(unneeded - young),
        young=frozenset(young),
        is_young=(contents.layout.path / "zarr.json").stat().st_mtime >= before,
        sources=tuple(sorted(need.sources)),
        everything=wish.compact or wish.budget is not None,
    )


def _remove(copy: Path) -> None:
    with explaining(copy):
        copy.unlink(missing_ok=True)


def _dangling(
    references: References, going: Mapping[str, frozenset[str]]
) -> Iterator[RunCacheEntry]:
    """Run-cache entries that bring back a digest which names a row that goes."""
    caches = {cache_folder(checkout): checkout for checkout in references.checkouts}
    for cache, checkout in caches.items() if going else ():
        for entry in run_cache(cache):
            if any(_names_any(references, checkout, output, going) for output in entry.outputs):
                yield entry


def _names_any(
    references: References, checkout: Path, output: Output, going: Mapping[str, frozenset[str]]
) -> bool:
    with contextlib.suppress(MfsnError, OSError):  # without its content DVC restores nothing
        store, keys = references.content(checkout, output)
        return not keys.isdisjoint(going.get(store, ()))
    return False
