"""What runs on the nodes of a Ray cluster: an actor that computes and writes whole shards.

This module imports nothing but the standard library, so that a node that lacks something can say
so in a sentence.
"""

from __future__ import annotations

import os
import pickle
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mfsn.errors import ClusterError
from mfsn.features.extraction.environment import PACKAGE, code_sha256, library_versions

if TYPE_CHECKING:
    from mfsn.features.base import Extractor
    from mfsn.features.extraction.batches import RowMaker
    from mfsn.features.extraction.items import Item
    from mfsn.segments.config import SegmentConfig
    from mfsn.store.layout import Layout
    from mfsn.store.marker import Marker


@dataclass(frozen=True)
class Premises:
    """What must hold on a node for its rows to be those of the driver."""

    code: str
    versions: Mapping[str, str]
    staging: str
    """A folder in the store that the driver has just made, so that an old copy does not pass."""
    working_folder: str
    """Local checkpoints in params.yaml are relative to it."""


@dataclass(frozen=True)
class Job:
    """What an actor computes, and where it writes."""

    make: Callable[[], Extractor]
    segment: SegmentConfig
    store_root: Path
    staging: Layout
    """The layout of the store directory, moved into its staging folder."""


class ShardMaker:
    """An actor of the cluster; it computes one shard while it writes another."""

    def __init__(self) -> None:
        self._computing = threading.Lock()

    def open(self, premises: Premises, job: bytes) -> None:
        """Check the node, then make the extractor.

        Args:
            premises: what must hold.
            job: a pickled `Job`; it can only be read where they hold.

        Raises:
            ClusterError: if the node does not see the store, has another mfsn or other libraries,
                or makes another extractor (of an encoder whose files differ).
            MfsnError: as `mfsn.features.registry.make_extractor`.
        """
        _check(premises)
        with suppress(OSError):
            os.chdir(premises.working_folder)
        self._job: Job = pickle.loads(job)  # noqa: S301 (the driver's own)
        self._rows = _row_maker(self._job)

    def write(self, attempt: int, items: Sequence[Item]) -> Marker:
        """Compute rows and write them as one shard into the staging folder, flushed to disk.

        Args:
            attempt: a number that no other shard there has.
            items: the rows, at most as many as a shard holds.

        Returns:
            What the driver needs to commit it.

        Raises:
            MfsnError: as the local engine.
        """
        from mfsn.store.writer import write_shard

        with self._computing:
            keys, arrays = self._rows.whole(items)
        return write_shard(self._job.staging, attempt, keys, arrays)


def premises(staging: Path) -> Premises:
    """What holds on this machine."""
    return Premises(code_sha256(), library_versions(), str(staging), str(Path.cwd()))


def _row_maker(job: Job) -> RowMaker:
    from mfsn.features.base import store_spec
    from mfsn.features.extraction.batches import RowMaker
    from mfsn.features.extraction.extraction import pin_threads
    from mfsn.segments.waves import segment_recipe, waveform_store

    extractor = job.make()
    if store_spec(extractor, segment_recipe(job.segment)).identity != job.staging.spec.identity:
        raise ClusterError(
            f"Ray node {socket.gethostname()} makes another {extractor.name} (an encoder whose "
            "files differ from this machine's); let all nodes read the same files"
        )
    pin_threads()
    return RowMaker(extractor, waveform_store(job.segment, job.store_root), job.segment)


def _check(asked: Premises) -> None:
    node = socket.gethostname()
    if not Path(asked.staging).is_dir():
        store = Path(asked.staging).parent
        raise ClusterError(
            f"Ray node {node} does not see {store} of this machine; put the store into a folder "
            "that all nodes share, under one name, and set MFSN_STORE to it"
        )
    if code_sha256() != asked.code:
        raise ClusterError(
            f"Ray node {node} runs another mfsn ({PACKAGE}); let MFSN_RAY "
            "connect to the cluster, which hands this one out, or install the same one there"
        )
    for name, here in asked.versions.items():
        if (there := library_versions()[name]) != here:
            raise ClusterError(
                f"Ray node {node} has {name} {there}, this machine {here}; install the same "
                "version in the environment in which `ray start` runs there"
            )
