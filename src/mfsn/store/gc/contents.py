"""What lies in a store directory, row by row, and what of it may go."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mfsn.base import files
from mfsn.errors import CacheError
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.layout import Layout, row_bytes
from mfsn.store.marker import Marker
from mfsn.store.messages import explaining
from mfsn.store.shard import CHECKSUM_BYTES

LEAST_SHARE = 0.5
"""A shard of which less is needed is written anew without the rest."""


@dataclass(frozen=True)
class Contents:
    """The committed shards of a directory at one moment.

    A row can stand in two shards for a moment: where its shard is written anew, the new one is
    committed before the old one goes. The younger counts, as it does to readers.
    """

    layout: Layout
    shards: tuple[Marker, ...]
    committed_at: dict[int, float]
    """Shard number to seconds since the epoch."""
    leftovers: Mapping[Path, int]
    """Files of killed writers (temporary ones, and shards that no marker names or that were not
    moved in) to their bytes."""
    damaged: bool
    """It has markers that do not count, which `mfsn cache verify` looks after."""

    @classmethod
    def of(cls, layout: Layout, before: float) -> Contents:
        """Look at a directory.

        Args:
            layout: where it lies.
            before: leftovers are younger files of a writer at work, unless they are older than
                this (seconds since the epoch).

        Raises:
            CacheError: if it cannot be read.
        """
        with explaining(layout.path):
            sound, refused = markers.read_all(layout)
            marked = files.stats(layout.marker(marker.shard) for marker in sound)
            times = {int(path.stem): status.st_mtime for path, status in marked}
            known = {marker.shard for marker in sound} | {marker.shard for marker in refused}
            lost = layout.shard_numbers() - known
            unnamed = [path for number in lost for path in layout.shards(number)]
            found = files.stats([*unnamed, *layout.partials(), *files.below(layout.staging)])
            old = {path: status.st_size for path, status in found if status.st_mtime < before}
        there = tuple(marker for marker in sound if marker.shard in times)
        return cls(layout, there, times, old, bool(refused))

    @cached_property
    def home(self) -> dict[str, int]:
        """Row key to the shard that counts."""
        return {key: marker.shard for marker in self.shards for key in marker.keys}

    @property
    def row_size(self) -> int:
        """Bytes that a row takes on disk, over all arrays."""
        return sum(row_bytes(array) + CHECKSUM_BYTES for array in self.layout.spec.arrays)

    @property
    def bytes(self) -> int:
        """Bytes of all committed shards and leftovers."""
        return self.leftover_bytes + sum(size_of(marker) for marker in self.shards)

    @property
    def leftover_bytes(self) -> int:
        """Bytes that killed writers left."""
        return sum(self.leftovers.values())

    def kept(self, marker: Marker, unneeded: Set[str]) -> list[str]:
        """The rows of a shard that stay, in their order."""
        return [
            key for key in marker.keys if key not in unneeded and self.home[key] == marker.shard
        ]

    def empty(self, unneeded: Set[str]) -> list[Marker]:
        """The shards of which no row stays."""
        return [marker for marker in self.shards if not self.kept(marker, unneeded)]

    def sparse(self, unneeded: Set[str], everything: bool = False) -> list[Marker]:
        """The shards that are worth writing anew.

        Args:
            unneeded: keys of rows that go.
            everything: all that hold a row which goes, however few.
        """
        found = []
        for marker in self.shards:
            kept = len(self.kept(marker, unneeded))
            limit = len(marker.keys) if everything else LEAST_SHARE * len(marker.keys)
            if 0 < kept < limit:
                found.append(marker)
        return found

    def freed(self, unneeded: Set[str], everything: bool = False) -> int:
        """Bytes that go if those rows do."""
        whole = sum(size_of(marker) for marker in self.empty(unneeded))
        rewritten = self.sparse(unneeded, everything)
        rows = sum(len(marker.keys) - len(self.kept(marker, unneeded)) for marker in rewritten)
        return whole + rows * self.row_size + self.leftover_bytes


def size_of(marker: Marker) -> int:
    """Bytes of a shard's files."""
    return sum(marker.sizes.values())


def all_contents(store_root: Path, before: float) -> tuple[list[Contents], list[str]]:
    """Every directory of a store, and a sentence about each that cannot be looked at."""
    found, unreadable = [], []
    for path in layouts.directories(store_root):
        try:
            layout = layouts.load(path)
            if layout is not None:
                found.append(Contents.of(layout, before))
        except CacheError as error:
            unreadable.append(f"{error}; it is left alone")
    return found, unreadable
