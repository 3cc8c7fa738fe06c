"""What garbage collection is asked for, and what it would free."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mfsn.store.gc.contents import Contents
from mfsn.store.gc.dvc import RunCacheEntry
from mfsn.store.gc.fit_folders import RunFolder
from mfsn.store.gc.forgetting import Loss
from mfsn.store.gc.references import Scope

DAY_S = 24 * 3600.0


@dataclass(frozen=True)
class Wish:
    """What garbage collection is asked for."""

    grace_s: float = 7 * DAY_S
    """What was committed or worked on less than so many seconds ago is spared."""
    compact: bool = False
    """Write every partly needed shard anew, not only those of which less than half is needed."""
    budget: int | None = None
    """Bytes that the store may take; rows that were used least recently go until it fits."""
    force: bool = False
    """Let the budget evict even what the present workspace and running jobs name."""
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True)
class DirectoryPlan:
    """What would go of one store directory."""

    contents: Contents
    unneeded: frozenset[str]
    """Keys of rows that nothing needs."""
    young: frozenset[str]
    """Keys of rows that nothing needs, spared because they are young."""
    is_young: bool
    """The directory itself is young: it stays although it may be empty."""
    sources: tuple[str, ...]
    """What needs the others."""
    everything: bool
    """Write every partly needed shard anew."""
    evicted: frozenset[str] = frozenset()
    """Keys of rows that something needs, and that the budget evicts."""

    @property
    def going(self) -> frozenset[str]:
        """Keys of rows that would go."""
        return self.unneeded | self.evicted

    @property
    def name(self) -> str:
        """The directory below the store root."""
        return self.contents.layout.spec.directory

    @property
    def freed(self) -> int:
        """Bytes that would go."""
        return self.contents.freed(self.going, self.everything)

    @property
    def left(self) -> int:
        """Bytes of unneeded rows that stay, since their shards are needed for the better part."""
        return self.contents.freed(self.going, everything=True) - self.freed

    @property
    def needed(self) -> int:
        """Rows that something needs, evicted or not."""
        return len(self.contents.home) - len(self.unneeded) - len(self.young)

    @property
    def vanishes(self) -> bool:
        """Not a row stays: the whole directory goes."""
        spared = self.is_young or self.contents.damaged
        return not spared and len(self.going) == len(self.contents.home)

    @property
    def is_idle(self) -> bool:
        """There is nothing to do."""
        return not self.freed and not self.vanishes


@dataclass(frozen=True)
class Evicted:
    """Rows that the budget evicts together."""

    directory: str
    rows: int
    used: float
    """When they were last extracted or read, in seconds since the epoch."""


@dataclass(frozen=True)
class Plan:
    """What garbage collection would do to a store."""

    store_root: Path
    before: float
    """What is younger is spared (seconds since the epoch)."""
    directories: tuple[DirectoryPlan, ...]
    runs: tuple[RunFolder, ...]
    """Working folders of search and train that would go."""
    runs_kept: int
    """Bytes of the others."""
    run_cache: tuple[RunCacheEntry, ...]
    """Entries that would bring back digests without rows: DVC forgets them too."""
    evicted: tuple[Evicted, ...]
    losses: tuple[Loss, ...]
    """Digests in use that name evicted rows: DVC forgets them, and computes the rows again."""
    stale: tuple[Path, ...]
    """Copies of digests that DVC forgot earlier, and that nothing names any more."""
    gone: tuple[str, ...]
    """Checkouts whose notes go."""
    remarks: tuple[str, ...]
    budget: int | None

    @property
    def bytes(self) -> int:
        """Bytes of rows and working folders now."""
        folders = self.runs_kept + sum(folder.bytes for folder in self.runs)
        return folders + sum(plan.contents.bytes for plan in self.directories)

    @property
    def freed(self) -> int:
        """Bytes that would go."""
        return sum(p.freed for p in self.directories) + sum(folder.bytes for folder in self.runs)

    @property
    def fits(self) -> bool:
        """What stays is within the budget."""
        return self.budget is None or self.bytes - self.freed <= self.budget
