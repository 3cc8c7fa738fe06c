"""A size budget: rows that were used least recently go first, all rows of a digest together.

Those in use now go after all others, in the same order, and only if forced.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from mfsn.store.gc.needs import Need, Use
from mfsn.store.gc.plan import DirectoryPlan, Evicted


def evict(
    plans: Sequence[DirectoryPlan], needed: Mapping[str, Need], room: int, force: bool
) -> tuple[list[DirectoryPlan], list[Evicted]]:
    """Add needed rows to what goes, until the rest fits.

    Rows that two digests share were used when the later one was.

    Args:
        plans: what goes anyway.
        needed: what is needed of each directory, and how it is used.
        room: bytes that all directories may take together.
        force: evict what is in use now, too, after all else, least recently used first.

    Returns:
        The plans with more rows to go, and what was added.
    """
    found = {plan.name: plan for plan in plans}
    size = sum(plan.contents.bytes - plan.freed for plan in plans)
    evicted = []
    for (use, name), keys in sorted(_groups(plans, needed, force).items()):
        if size <= room:
            break
        before = found[name]
        found[name] = replace(before, evicted=before.evicted | frozenset(keys))
        size -= found[name].freed - before.freed
        evicted.append(Evicted(name, len(keys), use.last))
    return list(found.values()), evicted


def _groups(
    plans: Sequence[DirectoryPlan], needed: Mapping[str, Need], force: bool
) -> dict[tuple[Use, str], list[str]]:
    """Use and directory to the rows that can go together."""
    groups: dict[tuple[Use, str], list[str]] = defaultdict(list)
    for plan in plans:
        need = needed.get(plan.name, Need())
        for key, shard in plan.contents.home.items():
            use = need.use(key)
            if use is not None and (force or not use.in_use):
                last = use.last or plan.contents.committed_at[shard]
                groups[Use(use.in_use, last), plan.name].append(key)
    return dict(groups)
