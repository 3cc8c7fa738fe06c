"""Checking every byte of the store, and taking back what is damaged so that it is made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from mfsn.cache import layout as layouts
from mfsn.cache import marker as markers
from mfsn.cache import shard as shards
from mfsn.cache.layout import Layout
from mfsn.cache.marker import Marker, Refused
from mfsn.cache.owners import owners
from mfsn.cache.store import Store
from mfsn.cache.trouble import explaining, refill, repair_and_refill
from mfsn.errors import CacheError, MfsnError


@dataclass(frozen=True)
class Problem:
    """Something that is not as it was written."""

    where: str
    """A directory or file below the store root, or a digest."""
    what: str
    remedy: str
    """What to do next."""


@dataclass(frozen=True)
class Report:
    """What `verify` found."""

    shards: int
    """Committed shards that were read."""
    rows: int
    """Rows in them."""
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        """Every committed row is intact, and every row that a digest names is there."""
        return not self.problems

    def sentences(self) -> list[str]:
        """One line a problem, with what to do, and a line of totals."""
        lines = [f"{p.where}: {p.what}; {p.remedy}" for p in self.problems]
        total = f"{self.rows} rows in {self.shards} shards read, {len(self.problems)} problems"
        return [*lines, total]


@dataclass(frozen=True)
class _Damage:
    """A committed shard with bytes that are not as they were written."""

    marker: Marker
    rows: frozenset[int]
    """Positions of damaged rows."""
    what: tuple[str, ...]
    """One sentence an array."""

    @property
    def intact_keys(self) -> list[str]:
        return [key for row, key in enumerate(self.marker.keys) if row not in self.rows]


def verify(store_root: Path, repair: bool = False, extractor: str | None = None) -> Report:
    """Read the whole store and compare it with its commit markers and with the digests.

    Args:
        store_root: root of the feature cache.
        repair: take back the commits of damaged shards and commit their intact rows again, so
            that the next extract computes the damaged rows and no others.
        extractor: check only the rows of this one.

    Raises:
        StoreBusyError: if `repair` has work in a directory that another process is writing to.
        CacheError: if the store cannot be read, or for `repair` written.
    """
    reports = [
        _verify_directory(store_root, path, repair)
        for path in layouts.directories(store_root, extractor)
    ]
    problems = [problem for report in reports for problem in report.problems]
    problems += _lost_rows(store_root, extractor)
    shards_read = sum(report.shards for report in reports)
    return Report(shards_read, sum(report.rows for report in reports), tuple(problems))


def _verify_directory(root: Path, path: Path, repair: bool) -> Report:
    name = path.relative_to(root).as_posix()
    try:
        layout = layouts.load(path)
    except CacheError as error:
        return Report(0, 0, (Problem(name, "it cannot be opened", str(error)),))
    if layout is None:
        return Report(0, 0, ())
    with explaining(path):
        committed, refused = markers.read_all(layout)
        shown = tqdm(committed, name, unit="shard", disable=None)
        damages = [damage for marker in shown if (damage := _inspect(layout, marker))]
    if repair and (damages or refused):
        _repair(Store(root, layout.spec), damages)
    problems = _describe(layout, damages, refused, repair)
    return Report(len(committed), sum(len(marker.keys) for marker in committed), tuple(problems))


def _inspect(layout: Layout, marker: Marker) -> _Damage | None:
    rows: set[int] = set()
    what = []
    for array in layout.spec.arrays:
        path, sums = layout.shard(array, marker.shard), marker.checksums[array.name]
        check = shards.check(path, layouts.row_bytes(array), sums, layout.rows_per_shard)
        rows.update(check.damaged)
        if check.damaged:
            what.append(f"{len(check.damaged)} rows of {array.name} do not match their checksum")
        if not check.index_intact:
            what.append(f"the index of {array.name} does not match its checksum")
    return _Damage(marker, frozenset(rows), tuple(what)) if what else None


def _repair(store: Store, damages: Sequence[_Damage]) -> None:
    """Opening the store for writing drops the refused markers; this drops the damaged ones.

    A kill halfway loses intact rows of one shard, which the next extract computes again.
    """
    with store.writer() as writer:
        for damage in damages:
            intact = store.read(damage.intact_keys)
            writer.withdraw(damage.marker)
            writer.append(damage.intact_keys, intact)


def _describe(
    layout: Layout, damages: Sequence[_Damage], refused: Sequence[Refused], repaired: bool
) -> Iterator[Problem]:
    name, extractor = layout.spec.directory, layout.spec.extractor
    remedy = f"{(refill if repaired else repair_and_refill)(extractor)} replaces them"
    for damage in damages:
        yield Problem(f"{name}: shard {damage.marker.shard}", ", ".join(damage.what), remedy)
    for marker in refused:
        what = f"commit marker {layout.marker(marker.shard).name} does not count: {marker.reason}"
        yield Problem(name, what, f"{refill(extractor)} makes its rows again")


def _lost_rows(root: Path, extractor: str | None) -> Iterator[Problem]:
    one_of_each_digest = {owner.path: owner for owner in owners(root)}
    for path, owner in one_of_each_digest.items():
        if extractor in (None, owner.extractor):
            try:
                store, keys = owner.named_now(root)
                lost = len(keys - _committed(root / store))
            except MfsnError as error:
                yield Problem(str(path), "its rows cannot be compared", str(error))
            else:
                if lost:
                    what = f"it names {lost} rows that are not in {store}"
                    yield Problem(str(path), what, f"{refill(owner.extractor)} computes them")


def _committed(path: Path) -> set[str]:
    with explaining(path):
        layout = layouts.load(path)
        committed = markers.read_all(layout)[0] if layout else []
    return {key for marker in committed for key in marker.keys}
