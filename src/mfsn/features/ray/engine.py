"""Extraction on a Ray cluster: workers compute and write whole shards, the driver commits them.

A worker hands in a shard when it is full, or after half a minute with the rows that it has. On
Ctrl-C the driver waits for what the workers have computed, and commits it.

The driver holds the store's lock. It makes a staging folder inside the store directory, and the
workers write there. The driver renames what they finish into its place and commits it. What a dead
worker left goes away with the folder. So a worker that outlives its driver cannot touch a shard.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mfsn import runtime
from mfsn.base import files
from mfsn.base.interrupts import held_back
from mfsn.cluster.connection import connected
from mfsn.cluster.node import premises
from mfsn.cluster.pool import Pool
from mfsn.cluster.slots import slots
from mfsn.features.base import Extractor
from mfsn.features.extraction.batches import MissingRows
from mfsn.features.extraction.items import Item
from mfsn.features.ray.job import STOP, ExtractionJob
from mfsn.segments.config import SegmentConfig
from mfsn.store.layout import Layout
from mfsn.store.marker import Marker
from mfsn.store.messages import explaining
from mfsn.store.writer import Writer


@dataclass(frozen=True)
class RayEngine:
    """Computes rows on a cluster, with the same bits as on this machine."""

    address: str
    """As `mfsn.cluster.connection.ray_address` gives it."""
    make: Callable[[], Extractor]
    """Makes the extractor, once per worker."""
    segment: SegmentConfig
    store_root: Path

    def fill(self, missing: MissingRows) -> None:
        """Compute and commit rows, shard by shard, in the order in which they are finished.

        Raises:
            ClusterError: if the cluster cannot be reached or used, or workers keep dying.
            ConfigError: as `mfsn.runtime.threads`.
            MfsnError: as a worker raises it.
        """
        writer = missing.writer
        with connected(self.address), _staging(writer.layout) as staging:
            place = slots(runtime.threads())
            shards = _shards(missing, place.count, staging.rows_per_shard)
            job = ExtractionJob(self.make, self.segment, self.store_root.absolute(), staging)
            pool = Pool(place, job, premises([staging.path]), shards, what="rows", at_once=2)
            with contextlib.closing(pool):
                try:
                    for items_of_shard, marker in pool.run():
                        done = _commit(writer, staging, marker)
                        if done < len(items_of_shard):
                            pool.add(items_of_shard[done:])
                        missing.progress(done)
                except KeyboardInterrupt:
                    with held_back():
                        (staging.path / STOP).touch()
                        for _, marker in pool.drain():
                            _commit(writer, staging, marker)
                    raise


def _commit(writer: Writer, staging: Layout, marker: Marker | None) -> int:
    """Commit what a worker wrote; gives the number of rows."""
    if marker is None:
        return 0
    with held_back():
        writer.commit(_moved_in(staging, writer.layout, marker, writer.reserve()))
    return len(marker.keys)


@contextlib.contextmanager
def _staging(layout: Layout) -> Iterator[Layout]:
    """A new folder inside the store directory that nobody else knows; it is removed at the end."""
    folder = layout.staging.absolute() / uuid.uuid4().hex
    with explaining(layout.path):
        folder.mkdir(parents=True)
    try:
        yield replace(layout, path=folder)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def _shards(missing: MissingRows, workers: int, largest: int) -> list[Sequence[Item]]:
    """The rows of whole shards, or fewer if some workers would get nothing; batches stay whole."""
    items, batch_rows = missing.items, missing.batch_rows
    fair = -(-len(items) // workers)
    size = min(-(-fair // batch_rows) * batch_rows, largest)
    return [items[first : first + size] for first in range(0, len(items), size)]


def _moved_in(staging: Layout, layout: Layout, marker: Marker, shard: int) -> Marker:
    """Give what a worker wrote the file names of a shard, which no marker names yet."""
    with explaining(layout.path):
        for array in layout.spec.arrays:
            files.move(staging.shard(array, marker.shard), layout.shard(array, shard))
    return replace(marker, shard=shard)
