"""Which rows of each store directory are needed, and when they were last used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mfsn.store.gc.references import Reference

LastUse = Mapping[tuple[str, str, str], float]
"""Checkout, digest and store directory to seconds since the epoch, from `owners.last_use`."""


class Use(NamedTuple):
    """How rows are used; what a budget evicts last compares greatest."""

    in_use: bool
    """A workspace names them where somebody works or a job runs now: evicted only if forced."""
    last: float
    """When they were last extracted or read (seconds since the epoch); 0 if nobody noted it."""

    def merged(self, other: Use | None) -> Use:
        """The use of rows that another digest, if any, names too."""
        if other is None:
            return self
        return Use(self.in_use or other.in_use, max(self.last, other.last))


@dataclass
class Need:
    """What is needed of one store directory."""

    rows: dict[str, Use] = field(default_factory=dict)
    """Row key to how it is used."""
    whole: Use | None = None
    """The same of rows that nobody names one by one; None if those are not needed."""
    sources: set[str] = field(default_factory=set)
    """Where the need comes from, for people."""

    def add(self, reference: Reference, use: Use) -> None:
        """Merge what another reference needs."""
        self.sources.add(reference.source)
        if reference.keys is None:
            self.whole = use.merged(self.whole)
        for key in reference.keys or ():
            self.rows[key] = use.merged(self.rows.get(key))

    def use(self, key: str) -> Use | None:
        """How a row is used; None if nothing needs it."""
        own = self.rows.get(key)
        return own.merged(self.whole) if own else self.whole


def needs(references: Iterable[Reference], last_use: LastUse) -> dict[str, Need]:
    """What is needed of each store directory.

    Args:
        references: everything that needs rows.
        last_use: when the rows of each digest were last extracted or read.
    """
    found: dict[str, Need] = defaultdict(Need)
    for reference in references:
        who = (reference.checkout, reference.digest, reference.store)
        found[reference.store].add(reference, Use(reference.in_use, last_use.get(who, 0.0)))
    return dict(found)
