"""What garbage collection is asked for, what lies in the store, and what would be deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mfsn.base import files
from mfsn.base.quantities import counted
from mfsn.store import marker as markers
from mfsn.store.gc.fit_folders import FitFolder
from mfsn.store.gc.naming import UNREAD, Naming, Rank
from mfsn.store.layout import Layout, row_bytes
from mfsn.store.messages import explaining
from mfsn.store.shard import CHECKSUM_BYTES

DAY_S = 24 * 3600.0


@dataclass(frozen=True)
class Wish:
    """What garbage collection is asked for."""

    unused_s: float = 7 * DAY_S
    """Rows that no digest names go when they were not used for so many seconds."""
    grace_s: float = DAY_S
    """Shards that were written or read less than so many seconds ago always stay."""
    budget: int | None = None
    """Bytes that the store may take; shards that were used least recently go until it fits."""
    force: bool = False
    """Let the budget delete rows that working trees name, too."""
    compact: bool = False
    """Rewrite every shard with rows that no digest names, and put small shards together."""
    forgotten: tuple[str, ...] = ()
    """Checkouts that count as gone."""


@dataclass(frozen=True)
class Shard:
    """One committed shard."""

    number: int
    rows: int
    named: tuple[str, ...]
    """Keys of the rows that digests name, in their order.

    A row that stands in two shards, as it does while one is rewritten, counts in the later one.
    """
    rank: Rank
    bytes: int
    used: float
    """When it was committed or last read, whichever is later (seconds since the epoch)."""


def shards_of(layout: Layout, named: Mapping[str, Rank]) -> list[Shard]:
    """The committed shards of a store directory at this moment.

    Args:
        layout: where it lies.
        named: row key to the rank of what names it; of rows that nothing names there is no key.

    Raises:
        CacheError: if it cannot be read.
    """
    with explaining(layout.path):
        sound, _ = markers.read_all(layout)
        home = {key: marker.shard for marker in sound for key in marker.keys}
        found = []
        for marker in sound:
            keys = [key for key in marker.keys if key in named and home[key] == marker.shard]
            rank = max((named[key] for key in keys), default=Rank.NOTHING)
            size = sum(marker.sizes.values())
            found.append(
                Shard(
                    marker.shard,
                    len(marker.keys),
                    tuple(keys),
                    rank,
                    size,
                    last_use(layout, marker.shard),
                )
            )
    return found


def last_use(layout: Layout, shard: int) -> float:
    """When a shard was committed or last read, whichever is later (seconds since the epoch)."""
    paths = (layout.marker(shard), layout.used(shard))
    return max((status.st_mtime for _, status in files.stats(paths)), default=0.0)


@dataclass(frozen=True)
class DirectoryPlan:
    """What would go from one store directory."""

    layout: Layout
    shards: tuple[Shard, ...]
    sources: tuple[str, ...]
    """What names rows, for people."""
    unused: frozenset[int]
    """Shards to delete, since no digest names their rows and nobody used them for long."""
    rewritten: frozenset[int]
    """Shards to write anew with the named rows alone."""
    evicted: frozenset[int] = frozenset()
    """Shards to delete for the budget."""

    @property
    def name(self) -> str:
        """The directory below the store root."""
        return self.layout.spec.directory

    @property
    def deleted(self) -> frozenset[int]:
        """All shards to delete."""
        return self.unused | self.evicted

    @property
    def bytes(self) -> int:
        """Bytes of all shards now."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def freed(self) -> int:
        """Bytes that become free."""
        return sum(self.freed_of(shard) for shard in self.shards)

    def freed_of(self, shard: Shard) -> int:
        """Bytes of a shard that become free."""
        if shard.number in self.deleted:
            return shard.bytes
        row = sum(row_bytes(array) + CHECKSUM_BYTES for array in self.layout.spec.arrays)
        return (shard.rows - len(shard.named)) * row if shard.number in self.rewritten else 0

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do; a directory without shards goes."""
        return bool(self.shards) and not (self.deleted or self.rewritten)


@dataclass(frozen=True)
class Plan:
    """What garbage collection would do to a store."""

    store_root: Path
    directories: tuple[DirectoryPlan, ...]
    namings: tuple[Naming, ...]
    fits: tuple[FitFolder, ...]
    """Working folders of search and train that would go."""
    fits_kept: int
    """Bytes of the others."""
    gone: tuple[str, ...]
    """Checkouts that the store forgets."""
    remarks: tuple[str, ...]
    """Sentences about what could not be read."""
    budget: int | None

    @property
    def bytes(self) -> int:
        """Bytes of rows and working folders now."""
        folders = self.fits_kept + sum(folder.bytes for folder in self.fits)
        return folders + sum(plan.bytes for plan in self.directories)

    @property
    def freed(self) -> int:
        """Bytes that would become free."""
        return sum(p.freed for p in self.directories) + sum(folder.bytes for folder in self.fits)

    @property
    def is_within_budget(self) -> bool:
        """Whether what stays is small enough."""
        return self.budget is None or self.bytes - self.freed <= self.budget

    def losses(self) -> Iterator[str]:
        """Sentences about the digests that name rows which the budget deletes."""
        evicted = {
            plan.name: {key for s in plan.shards if s.number in plan.evicted for key in s.named}
            for plan in self.directories
        }
        lost: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
        for each in self.namings:
            held = (each.store, each.checkout, *_HOLDERS[each.rank, each.source == UNREAD])
            lost[held] |= each.keys & evicted.get(each.store, set())
        for (store, checkout, by, when), keys in lost.items():
            if keys:
                named = f"{counted(len(keys), 'row')} named by {by} {checkout}"
                yield f"{store}: {named}; `dvc repro` there computes them again{when}"


_HOLDERS = {
    (Rank.WORKING_TREE, False): ("the working tree of", ""),
    (Rank.REF, False): ("refs of", " once such a ref is checked out"),
    (Rank.REF, True): ("an earlier system of", " once a system reads them"),
}
"""What names rows, and when `dvc repro` computes them: by rank, and whether it is `UNREAD`."""
