"""Extraction on a Ray cluster: actors compute and write whole shards, the driver commits them.

The driver holds the store's lock. It makes a staging folder inside the store directory, into which
actors write; what they finish is renamed into place and committed, what a dead one left goes away
with the folder. So an actor that outlives its driver cannot touch a shard.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mfsn.base import files
from mfsn.features.base import Extractor
from mfsn.features.extraction.items import Item
from mfsn.features.ray.actor import Job, premises
from mfsn.features.ray.cluster import connected, slots
from mfsn.features.ray.pool import Piece, Pool
from mfsn.segments.config import SegmentConfig
from mfsn.store.layout import Layout
from mfsn.store.marker import Marker
from mfsn.store.messages import explaining
from mfsn.store.writer import Writer


@dataclass(frozen=True)
class RayEngine:
    """Computes rows on a cluster, the same to the bit as this machine would."""

    address: str
    """As `mfsn.features.ray.cluster.ray_address` gives it."""
    make: Callable[[], Extractor]
    """Makes the extractor, once an actor."""
    segment: SegmentConfig
    store_root: Path

    def fill(
        self,
        writer: Writer,
        items: Sequence[Item],
        batch_rows: int,
        progress: Callable[[int], object],
    ) -> None:
        """Compute and commit rows, shard by shard, in whatever order they end.

        Args:
            writer: of the store directory, which this process holds.
            items: the rows that are missing.
            batch_rows: rows a call of the extractor.
            progress: told how many rows have just been committed.

        Raises:
            ClusterError: if the cluster cannot be reached or used, or actors keep dying.
            MfsnError: as an actor raises it.
        """
        with connected(self.address), _staging(writer.layout) as staging:
            place = slots()
            pieces = _pieces(items, place.count, batch_rows, staging.rows_per_shard)
            job = Job(self.make, self.segment, self.store_root.absolute(), staging)
            pool = Pool(place, job, premises(staging.path), pieces)
            with contextlib.closing(pool):
                for marker in pool.run():
                    writer.commit(_moved_in(staging, writer.layout, marker, writer.reserve()))
                    progress(len(marker.keys))


@contextlib.contextmanager
def _staging(layout: Layout) -> Iterator[Layout]:
    """A folder inside the store directory that nobody else knows, gone at the end."""
    folder = layout.staging.absolute() / uuid.uuid4().hex
    with explaining(layout.path):
        folder.mkdir(parents=True)
    try:
        yield replace(layout, path=folder)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def _pieces(items: Sequence[Item], actors: int, batch_rows: int, largest: int) -> list[Piece]:
    """Whole shards, or less where some actors would have nothing to do; batches stay whole."""
    fair = -(-len(items) // actors)
    size = min(-(-fair // batch_rows) * batch_rows, largest)
    return [Piece(items[first : first + size]) for first in range(0, len(items), size)]


def _moved_in(staging: Layout, layout: Layout, marker: Marker, shard: int) -> Marker:
    """Rename what an actor wrote to the names of a shard; no marker names it yet."""
    with explaining(layout.path):
        for array in layout.spec.arrays:
            files.move(staging.shard(array, marker.shard), layout.shard(array, shard))
    return replace(marker, shard=shard)
