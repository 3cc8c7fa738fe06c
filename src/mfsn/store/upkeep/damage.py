"""Finding damage in a store directory: every byte is compared with the commit markers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mfsn.base.quantities import counted
from mfsn.store import layout as layouts
from mfsn.store import lock
from mfsn.store import marker as markers
from mfsn.store import shard as shards
from mfsn.store.layout import Layout
from mfsn.store.marker import Marker, Refused
from mfsn.store.spec import ArraySpec


@dataclass(frozen=True)
class Damage:
    """A shard with bytes that are not as they were written, or with rows that stand twice."""

    marker: Marker
    """The commit marker of the shard."""
    rows: frozenset[int]
    """Positions of rows that are damaged, or that count in another shard."""
    what: tuple[str, ...]
    """A clause for each fault."""

    @property
    def intact(self) -> list[int]:
        """Positions of the other rows."""
        return [row for row in range(len(self.marker.keys)) if row not in self.rows]


@dataclass(frozen=True)
class Findings:
    """The result of `inspect` for one store directory."""

    shards: int
    """Committed shards that were read."""
    rows: int
    """Rows in them."""
    damages: tuple[Damage, ...]
    refused: tuple[Refused, ...]
    """Commit markers that do not count; which rows they were for is unknown."""
    leftovers: tuple[Path, ...]
    """Half-written files, and shards without a marker; none while somebody writes."""
    length: int
    """The length that the arrays must declare so that other Zarr readers see all rows."""
    misdescribed: tuple[ArraySpec, ...]
    """Arrays whose zarr.json is damaged, or hides rows from other Zarr readers."""

    @property
    def is_sound(self) -> bool:
        """Whether every byte is as it was written, and nothing is left over."""
        return not (self.damages or self.refused or self.leftovers or self.misdescribed)


def inspect(layout: Layout, name: str, is_ours: bool = False) -> Findings:
    """Read a whole store directory.

    Args:
        layout: the directory.
        name: its name beside the progress bar.
        is_ours: whether the caller holds its lock, so that nobody else is writing.

    Raises:
        OSError: if a file cannot be read.
    """
    sound, refused = markers.read_all(layout)
    readable = [*sound, *(found.marker for found in refused if found.marker)]
    twice = _elsewhere(sound, readable)
    shown = tqdm(readable, name, unit="shard", disable=None)
    damages = [_inspect_shard(layout, marker, twice[marker.shard]) for marker in shown]
    length = length_of(layout, sound)
    return Findings(
        shards=len(sound),
        rows=sum(len(marker.keys) for marker in sound),
        damages=tuple(damage for damage in damages if damage.what),
        refused=tuple(found for found in refused if not found.marker),
        leftovers=tuple(_leftovers(layout, is_ours)),
        length=length,
        misdescribed=tuple(layouts.misdescribed(layout, length)),
    )


def length_of(layout: Layout, sound: Iterable[Marker]) -> int:
    """The length that the arrays must declare so that other Zarr readers see all rows."""
    return max((m.shard * layout.rows_per_shard + len(m.keys) for m in sound), default=0)


def _elsewhere(sound: Iterable[Marker], readable: Iterable[Marker]) -> dict[int, frozenset[int]]:
    """For each shard the rows that also stand in another shard and count there."""
    counts = {key: (m.shard, row) for m in sound for row, key in enumerate(m.keys)}
    return {
        m.shard: frozenset(
            row
            for row, key in enumerate(m.keys)
            if counts.get(key, (m.shard, row)) != (m.shard, row)
        )
        for m in readable
    }


def _inspect_shard(layout: Layout, marker: Marker, twice: frozenset[int]) -> Damage:
    rows = set(twice)
    what = [f"{counted(len(twice), 'row')} in another shard as well"] if twice else []
    most = layout.rows_per_shard
    for array in layout.spec.arrays:
        path, sums = layout.shard(array, marker.shard), marker.checksums[array.name]
        try:
            check = shards.check(path, layouts.row_bytes(array), sums[:most], most)
        except FileNotFoundError:
            what.append(f"the shard of {array.name} with {counted(len(sums), 'row')} is missing")
            rows.update(range(len(sums)))
            continue
        damaged = {*check.damaged, *range(most, len(sums))}
        rows |= damaged
        if damaged:
            what.append(f"{counted(len(damaged), 'row')} of {array.name} not as written")
        if not check.index_intact:
            what.append(f"the index of {array.name} not as written")
    # Another process may have deleted the shard while it was read.
    is_there = layout.marker(marker.shard).is_file()
    return Damage(marker, frozenset(rows), tuple(what) if is_there else ())


def _leftovers(layout: Layout, is_ours: bool) -> list[Path]:
    found = [*layout.partials(), *layout.path.glob(layout.staging.name)]
    numbers = sorted(layout.shard_numbers())
    marked = {path.stem for path in layout.commits.glob("*.json")}
    if not is_ours and lock.is_held(layout.path):
        return []  # they belong to a writer at work
    unmarked = [number for number in numbers if layout.marker(number).stem not in marked]
    return found + [path for n in unmarked for path in layout.shards(n) if path.is_file()]
