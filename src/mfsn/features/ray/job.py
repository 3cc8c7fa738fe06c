"""What the workers of a cluster do in an extraction: they compute and write whole shards."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.errors import ClusterError
from mfsn.features.base import Extractor, store_spec
from mfsn.features.extraction.batches import RowMaker
from mfsn.features.extraction.extraction import pin_threads
from mfsn.features.extraction.items import Item
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_recipe, waveform_store
from mfsn.store.layout import Layout
from mfsn.store.marker import Marker
from mfsn.store.writer import COMMIT_AFTER_S, write_shard

Write = Callable[[int, Sequence[Item]], Marker | None]
"""Computes rows for half a minute at most and writes them as the shard of a number, flushed to
disk; the driver commits them with the marker. None if the driver wanted no more rows."""

STOP = "stop"
"""An empty file in the staging folder: workers write what they have, and begin no other rows."""


@dataclass(frozen=True)
class ExtractionJob:
    """What a worker computes, and where it writes."""

    make: Callable[[], Extractor]
    segment: SegmentConfig
    store_root: Path
    staging: Layout
    """The layout of the store directory, moved into its staging folder."""

    def open(self) -> Write:
        """Make the extractor.

        Returns:
            A function that two threads may call: it computes one shard while it writes another. If
            the shard is not full after half a minute, it has the first rows only.

        Raises:
            ClusterError: if it is another extractor (of an encoder whose files differ).
            MfsnError: as `mfsn.features.registry.make_extractor`.
        """
        rows, computing, stop = self._row_maker(), threading.Lock(), self.staging.path / STOP

        def write(shard: int, items: Sequence[Item]) -> Marker | None:
            """Compute rows until a commit is due, and write them."""
            with computing:
                made = rows.within(items, COMMIT_AFTER_S, stop.exists)
            return write_shard(self.staging, shard, *made) if made else None

        return write

    def _row_maker(self) -> RowMaker:
        extractor = self.make()
        spec = store_spec(extractor, segment_recipe(self.segment))
        if spec.identity != self.staging.spec.identity:
            raise ClusterError(
                f"Ray node {socket.gethostname()} makes another {extractor.name} (an encoder whose "
                "files differ from this machine's); let all nodes read the same files"
            )
        pin_threads()
        return RowMaker(extractor, waveform_store(self.segment, self.store_root), self.segment)
