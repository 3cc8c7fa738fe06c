"""Appending rows: a whole shard is flushed to disk, then one commit marker for all its arrays.

A separate thread writes a shard while the next one is filled; memory holds these two shards. A
shard is written when it is full, or when its first row would wait for more than `COMMIT_AFTER_S`
seconds if the next rows took as long as the last ones. So a kill loses the shard that is being
written, and what was computed in the last half minute, or one batch if that takes longer. An error
or Ctrl-C loses only the rows that the writer was not given yet. Short shards are put together when
an extraction has ended (`mfsn.store.gc.compaction.put_together`).
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Container, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.base.interrupts import held_back
from mfsn.errors import CacheError
from mfsn.store import marker as markers
from mfsn.store import shard as shards
from mfsn.store.layout import Layout, dtype_of, make_room, next_shard
from mfsn.store.marker import Marker
from mfsn.store.messages import explaining
from mfsn.store.storable import storable

Arrays = Mapping[str, npt.NDArray[Any]]

COMMIT_AFTER_S = 30.0
"""The longest time that a row waits for more rows. The write of a shard comes on top."""

log = logging.getLogger(__name__)


def recover(layout: Layout) -> None:
    """Remove what a killed writer left, and commits that do not count any more; needs the lock.

    A shard goes too if all of its rows stand in later shards, where they count.
    """
    sound, refused = markers.read_all(layout)
    later = set[str]()
    for whole in reversed(sound):
        if later.issuperset(whole.keys):  # its rows were put together, and the kill came then
            markers.drop(layout, whole.shard)
        later.update(whole.keys)
    for marker in refused:
        markers.drop(layout, marker.shard)
        log.warning(
            "%s: commit marker %s is dropped because %s; its rows will be computed again",
            layout.path, layout.marker(marker.shard).name, marker.reason,
        )  # fmt: skip
    remove_leftovers(layout)


def remove_leftovers(layout: Layout) -> None:
    """Remove temporary files and shards without a commit marker; needs the lock."""
    shutil.rmtree(layout.staging, ignore_errors=True)
    for partial in layout.partials():
        partial.unlink(missing_ok=True)
    for number in layout.shard_numbers():
        if not layout.marker(number).is_file():
            markers.drop(layout, number)


def write_shard(layout: Layout, shard: int, keys: Sequence[str], arrays: Arrays) -> Marker:
    """Write a shard of every array and flush it to disk; its rows exist once it is committed.

    It needs no lock if nobody else writes a shard with this number (see `Writer.reserve`).

    Args:
        layout: where.
        shard: its number.
        keys: one content key per row, from 1 to `layout.rows_per_shard`.
        arrays: array name to (rows, *shape of a row); floats are cast to the stored dtype.

    Returns:
        The marker to commit.

    Raises:
        RangeError: if a value is not finite, or does not fit the stored dtype.
        StorageFullError: if the disk is full.
        CacheError: if the arrays do not fit the store, or it cannot be written.
    """
    rows = storable(layout.spec, keys, arrays)
    checksums, sizes = {}, {}
    with explaining(layout.path):
        for array in layout.spec.arrays:
            path = layout.shard(array, shard)
            checksums[array.name] = shards.write(path, rows[array.name], layout.rows_per_shard)
            sizes[array.name] = path.stat().st_size
    return Marker(shard, tuple(keys), checksums, sizes)


def commit(layout: Layout, marker: Marker) -> None:
    """Commit a shard, so that its rows exist; needs the lock.

    Args:
        layout: where.
        marker: from `write_shard`; the files of the shard are on disk.

    Raises:
        StorageFullError: if the disk is full.
        CacheError: if the store cannot be written.
    """
    with explaining(layout.path):
        make_room(layout, marker.shard * layout.rows_per_shard + len(marker.keys))
        markers.write(layout, marker)


def add_shard(layout: Layout, keys: Sequence[str], arrays: Arrays) -> None:
    """Write and commit rows as one more shard; needs the lock, and raises as `write_shard`.

    Rows that also stand in another shard count in this one from now on.

    Args:
        layout: where.
        keys: one content key per row, from 1 to `layout.rows_per_shard`.
        arrays: array name to (rows, *shape of a row); floats are cast to the stored dtype.
    """
    commit(layout, write_shard(layout, next_shard(layout), keys, arrays))


class Writer:
    """Collects rows and commits them shard by shard; `Store.writer` makes it under its lock.

    When it ends as a context, all rows that it was given are committed, also after an exception.

    Args:
        layout: an existing directory without leftovers.
        committed: keys of the rows that are there.
    """

    def __init__(self, layout: Layout, committed: Container[str]) -> None:
        self.layout = layout
        self._committed, self._taken = committed, set[str]()
        self._next_shard = next_shard(layout)
        self._filling, self._spare = _Buffer(layout), _Buffer(layout)
        self._thread = ThreadPoolExecutor(1, "mfsn-writer")
        self._in_flight: Future[None] | None = None
        self._one_commit = threading.Lock()
        self._sent_at = self._given_at = time.monotonic()

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with held_back():  # Ctrl-C comes often twice, and the lock is released next
            try:
                self.finish()
            except CacheError:
                if error is None:  # else it is what ended the body
                    raise
            finally:
                self._thread.shutdown()

    def append(self, keys: Sequence[str], arrays: Arrays) -> None:
        """Add rows; a row whose key is there already is not written again.

        Args:
            keys: one content key per row.
            arrays: array name to (rows, *shape of a row); floats are cast to the stored dtype.

        Raises:
            RangeError: if a value is not finite, or does not fit the stored dtype.
            StorageFullError: if the disk is full.
            CacheError: if the arrays do not fit the store, or it cannot be written.
        """
        rows = storable(self.layout.spec, keys, arrays)
        with held_back():
            for row, key in enumerate(keys):
                self._take(key, rows, row)
            if self._is_due() and self._filling.keys:
                self._send()
            if self._in_flight is not None and self._in_flight.done():
                self._settle()

    def finish(self) -> None:
        """Commit the remaining rows as a short shard, and wait until all are committed.

        Raises:
            StorageFullError: if the disk is full.
            CacheError: if the store cannot be written.
        """
        if self._filling.keys:
            self._send()
        self._settle()

    def reserve(self) -> int:
        """The next free shard number, for `write_shard` in any process; it is never given twice."""
        self._next_shard += 1
        return self._next_shard - 1

    def commit(self, marker: Marker) -> None:
        """Commit a shard, so that its rows exist.

        Args:
            marker: from `write_shard`; the files of the shard are on disk in this directory.

        Raises:
            StorageFullError: if the disk is full.
            CacheError: if the store cannot be written.
        """
        with self._one_commit:  # of the caller or of the thread
            commit(self.layout, marker)

    def _take(self, key: str, rows: Arrays, row: int) -> None:
        """Let a row wait, unless it is there or waits already."""
        if key not in self._taken and key not in self._committed:
            self._filling.take(key, rows, row)
            self._taken.add(key)
            if len(self._filling.keys) == self.layout.rows_per_shard:
                self._send()

    def _is_due(self) -> bool:
        """Whether the next rows would come too late, if they take as long as those given now."""
        now = time.monotonic()
        took, self._given_at = now - self._given_at, now
        return now + took - self._sent_at >= COMMIT_AFTER_S

    def _send(self) -> None:
        """Give the shard to the thread when it has written the shard before."""
        self._settle()
        full, self._filling, self._spare = self._filling, self._spare, self._filling
        self._filling.keys.clear()
        self._in_flight = self._thread.submit(self._write, full, self.reserve())
        self._sent_at = time.monotonic()

    def _write(self, full: _Buffer, shard: int) -> None:
        self.commit(write_shard(self.layout, shard, full.keys, full.rows()))

    def _settle(self) -> None:
        """Wait for the shard that is being written; its errors are raised here."""
        in_flight, self._in_flight = self._in_flight, None
        if in_flight is not None:
            in_flight.result()


class _Buffer:
    """Rows that wait to be written as one shard."""

    def __init__(self, layout: Layout) -> None:
        self.keys: list[str] = []
        self._arrays = {
            array.name: np.empty((layout.rows_per_shard, *array.shape), dtype_of(array))
            for array in layout.spec.arrays
        }

    def take(self, key: str, arrays: Arrays, row: int) -> None:
        """Copy one row."""
        for name, values in self._arrays.items():
            values[len(self.keys)] = arrays[name][row]
        self.keys.append(key)

    def rows(self) -> Arrays:
        """The rows so far, as views."""
        return {name: values[: len(self.keys)] for name, values in self._arrays.items()}
