"""Garbage collection: what digests name stays, the rest goes by age and use.

First comes a plan, which changes nothing. Then each store directory is treated under its lock, so
that nothing is deleted beneath a writer. Jobs that read are safe because readers note on each shard
that they use it, and because shards that were used within the grace period stay.

A row that goes too early costs the time to compute it again: stage `scan` finds out which rows a
workspace lacks (`mfsn.store.checkouts.lost_rows`), and DVC then runs the stages that make them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from mfsn.errors import CacheError
from mfsn.store import layout as layouts
from mfsn.store.gc import compaction
from mfsn.store.gc.fit_folders import fit_folders
from mfsn.store.gc.naming import Naming, Namings, Rank
from mfsn.store.gc.plan import DirectoryPlan, Plan, Shard, Wish, shards_of
from mfsn.store.layout import Layout
from mfsn.store.owners import forget

LEAST_SHARE = 0.5
"""A shard with a smaller share of named rows is written anew without the others."""


def make_plan(store_root: Path, current: Path | None, wish: Wish) -> Plan:
    """Decide what can go; nothing is changed.

    Args:
        store_root: root of the feature cache.
        current: the main checkout of the present workspace; None outside of one.
        wish: what is asked for.

    Raises:
        CacheError: if the store cannot be read.
    """
    now, found = time.time(), Namings(store_root, current, wish.forgotten)
    namings, remarks, plans = tuple(found), found.remarks, list[DirectoryPlan]()
    by_directory: dict[str, list[Naming]] = defaultdict(list)
    for naming in namings:
        by_directory[naming.store].append(naming)
    for path in layouts.directories(store_root):
        try:
            if layout := layouts.load(path):
                plans.append(_plan(layout, by_directory[layout.spec.directory], wish, now))
        except CacheError as error:
            remarks.append(f"{error}; it is left alone")
    fits, kept = fit_folders(store_root, now - max(wish.unused_s, wish.grace_s))
    if wish.budget is not None:
        plans = _evict(plans, wish.budget - kept, wish.force, now - wish.grace_s)
    gone, said = tuple(found.gone), tuple(remarks)
    return Plan(store_root, tuple(plans), namings, tuple(fits), kept, gone, said, wish.budget)


def carry_out(plan: Plan) -> list[str]:
    """Do what is planned.

    Returns:
        A sentence for each directory or folder that had to stay, with the reason.
    """
    root, busy = plan.store_root, [each for each in plan.directories if not each.is_idle]
    steps: list[tuple[str, Callable[[], object]]] = [
        *((checkout, partial(forget, root, checkout)) for checkout in plan.gone),
        *((each.name, partial(compaction.carry_out, root, each)) for each in busy),
        *((folder.path.name, folder.remove) for folder in plan.fits),
    ]
    left = []
    for name, step in tqdm(steps, "gc", unit="step", disable=None):
        try:
            step()
        except CacheError as error:
            left.append(f"{name} stays: {error}")
    return left


def _plan(layout: Layout, namings: Sequence[Naming], wish: Wish, now: float) -> DirectoryPlan:
    shards = shards_of(layout, _ranks(namings))
    sources = tuple(sorted({naming.source for naming in namings}))
    old = now - max(wish.unused_s, wish.grace_s)
    unused = {s.number for s in shards if s.rank is Rank.NOTHING and s.used < old}
    if wish.compact or wish.budget is not None:
        ripe = [shard for shard in shards if shard.used < now - wish.grace_s]
        rewritten = {s.number for s in ripe if 0 < len(s.named) < s.rows}
    else:
        ripe = [shard for shard in shards if shard.used < old]
        rewritten = {s.number for s in ripe if 0 < len(s.named) < LEAST_SHARE * s.rows}
    small = {s.number for s in ripe if 0 < len(s.named) <= compaction.SMALL * layout.rows_per_shard}
    rewritten |= small if wish.compact and len(small) > 1 else set()
    return DirectoryPlan(layout, tuple(shards), sources, frozenset(unused), frozenset(rewritten))


def _ranks(namings: Sequence[Naming]) -> dict[str, Rank]:
    """Row key to the highest rank of what names it."""
    ranks: dict[str, Rank] = {}
    for naming in sorted(namings, key=lambda naming: naming.rank):
        ranks |= dict.fromkeys(naming.keys, naming.rank)
    return ranks


def _evict(
    plans: Sequence[DirectoryPlan], room: int, force: bool, before: float
) -> list[DirectoryPlan]:
    """Delete more shards until the rest fits, in the order of rank, then of use.

    Args:
        plans: what goes anyway.
        room: bytes that all directories may take together.
        force: delete rows that working trees name, too.
        before: shards that were used later stay (seconds since the epoch).
    """

    def order(found: tuple[int, Shard]) -> tuple[Rank, float]:
        """What goes first: unnamed shards, then those that were not used for longest."""
        return found[1].rank, found[1].used

    size = sum(plan.bytes - plan.freed for plan in plans)
    evicted: dict[int, set[int]] = defaultdict(set)
    shards = [(place, s) for place, p in enumerate(plans) for s in p.shards if s.used < before]
    for place, shard in sorted(shards, key=order):
        if size <= room or (shard.rank is Rank.WORKING_TREE and not force):
            break
        if shard.number not in plans[place].unused:
            size -= shard.bytes - plans[place].freed_of(shard)
            evicted[place].add(shard.number)
    return [replace(p, evicted=frozenset(evicted[place])) for place, p in enumerate(plans)]
