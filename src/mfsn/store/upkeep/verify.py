"""Checking every byte of the store, and removing what is damaged so that it is computed again.

This finds flipped bits in rows, indices, markers and descriptions; shards that were cut off,
zeroed, deleted, swapped, or left without a marker; markers that were edited, renamed or copied from
another place; rows that stand twice; half-written files; and rows that a digest names and the store
lacks.
It cannot find a row that somebody replaced together with its checksum and the seal of its marker,
because everybody who may write into the store can compute these. Computing the rows again finds it
(`mfsn.doctor.recompute`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mfsn.base.quantities import counted
from mfsn.errors import CacheError, MfsnError
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.layout import Layout
from mfsn.store.messages import REPAIR, explaining
from mfsn.store.owners import owners
from mfsn.store.upkeep.damage import Findings, inspect
from mfsn.store.upkeep.repair import repair


@dataclass(frozen=True)
class Problem:
    """Something in the store that is wrong."""

    where: str
    """A directory or file below the store root, or a digest."""
    what: str
    remedy: str
    """What to do next, or what was done."""
    is_repaired: bool = False
    """Whether it is repaired; rows that were removed are still to be computed."""

    def sentence(self) -> str:
        """One line about it."""
        return f"{self.where}: {self.what}; {self.remedy}"


@dataclass(frozen=True)
class Report:
    """The result of `verify`."""

    shards: int
    """Committed shards that were read."""
    rows: int
    """Rows in them."""
    problems: tuple[Problem, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every committed row is intact, and every row that a digest names is there."""
        return not self.problems

    def sentences(self) -> list[str]:
        """One line per problem, with what to do, and a line of totals."""
        lines = [problem.sentence() for problem in self.problems]
        read = f"{counted(self.rows, 'row')} in {counted(self.shards, 'shard')} read"
        return [*lines, f"{read}, {counted(len(self.problems), 'problem')}"]


def verify(store_root: Path, repair: bool = False, extractor: str | None = None) -> Report:
    """Read the whole store and compare it with its commit markers and with the digests.

    Args:
        store_root: root of the feature cache.
        repair: remove damaged rows from their shards, and remove what killed writers left, so that
            the next `dvc repro` computes the damaged rows and no others.
        extractor: check only the rows of this extractor.

    Returns:
        What was found. With `repair` it says nothing about rows that digests name and the store
        lacks; see `lost_rows`.

    Raises:
        StoreBusyError: if `repair` has work in a directory that another process is writing to.
        CacheError: if the store cannot be read, or for `repair` written.
    """
    with explaining(store_root):
        reports = [
            _verify_directory(store_root, path, repair)
            for path in layouts.directories(store_root, extractor)
        ]
    problems = [problem for report in reports for problem in report.problems]
    problems += [] if repair else lost_rows(store_root, extractor)
    shards_read = sum(report.shards for report in reports)
    return Report(shards_read, sum(report.rows for report in reports), tuple(problems))


def lost_rows(store_root: Path, extractor: str | None = None) -> Iterator[Problem]:
    """The digests of all checkouts that name rows which the store lacks.

    Args:
        store_root: root of the feature cache.
        extractor: compare only digests of this extractor.
    """
    one_of_each_digest = {owner.path: owner for owner in owners(store_root)}
    for path, owner in one_of_each_digest.items():
        if extractor in (None, owner.extractor):
            try:
                store, keys = owner.named_now(store_root)
                lost = len(keys - markers.committed_keys(store_root / store))
            except MfsnError as error:
                yield Problem(str(path), "its rows cannot be compared", str(error))
            else:
                if lost:
                    what = f"it names {counted(lost, 'row')} not in {store}"
                    remedy = (
                        f"`dvc repro` in {owner.checkout} computes them, with the corpus of this "
                        "digest in params.yaml"
                    )
                    yield Problem(str(path), what, remedy)


def _verify_directory(root: Path, path: Path, repaired: bool) -> Report:
    name = path.relative_to(root).as_posix()
    try:
        layout = layouts.load(path)
    except CacheError as error:
        return Report(0, 0, (Problem(name, "it cannot be opened", str(error)),))
    if layout is None:
        return Report(0, 0, ())
    with explaining(path):
        found = inspect(layout, name)
        if repaired and not found.is_sound:
            found = repair(layout, name)
    problems = [
        Problem(where, what, "repaired" if repaired else REPAIR, repaired)
        for where, what in _describe(layout, found)
    ]
    return Report(found.shards, found.rows, tuple(problems))


def _describe(layout: Layout, found: Findings) -> Iterator[tuple[str, str]]:
    """Where something is wrong, and what is wrong."""
    name = layout.spec.directory
    for damage in found.damages:
        yield f"{name}: shard {damage.marker.shard}", ", ".join(damage.what)
    for marker in found.refused:
        what = f"commit marker {layout.marker(marker.shard).name} does not count: {marker.reason}"
        yield name, what
    for path in found.leftovers:
        what = "it has no commit marker: its writer was killed, or the marker was deleted"
        yield f"{name}/{path.relative_to(layout.path).as_posix()}", what
    for array in found.misdescribed:
        what = "it does not describe the array, or hides rows from other Zarr readers"
        yield f"{name}/{array.name}/zarr.json", what
