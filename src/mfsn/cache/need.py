"""Which rows of each store directory are needed, and when they were last used."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mfsn.cache.references import Reference

NOW = math.inf
"""Last use of what a workspace names now: never evicted unless forced."""

LastUse = Mapping[tuple[str, str, str], float]
"""Checkout, digest and store directory to seconds since the epoch, from `owners.last_use`."""


@dataclass
class Need:
    """What is needed of one store directory."""

    rows: dict[str, float] = field(default_factory=dict)
    """Row key to when it was last used (seconds since the epoch)."""
    whole: float | None = None
    """The same for rows that nobody names one by one; None if those are not needed."""
    sources: set[str] = field(default_factory=set)
    """Where the need comes from, for people."""

    def add(self, reference: Reference, used: float) -> None:
        """Merge what another reference needs."""
        self.sources.add(reference.source)
        if reference.keys is None:
            self.whole = max(used, self.whole or 0.0)
        for key in reference.keys or ():
            self.rows[key] = max(used, self.rows.get(key, 0.0))

    def used(self, key: str) -> float | None:
        """When a row was last used; None if nothing needs it."""
        times = [time for time in (self.rows.get(key), self.whole) if time is not None]
        return max(times, default=None)


def needs(references: Iterable[Reference], last_use: LastUse) -> dict[str, Need]:
    """What is needed of each store directory.

    Args:
        references: everything that needs rows.
        last_use: when the rows of each digest were last extracted or read.
    """
    found: dict[str, Need] = defaultdict(Need)
    for reference in references:
        who = (reference.checkout, reference.digest, reference.store)
        found[reference.store].add(reference, NOW if reference.in_use else last_use.get(who, 0.0))
    return dict(found)
