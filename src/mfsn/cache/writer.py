"""Appending rows: whole shards, flushed to disk, then one commit marker for all arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.cache import marker as markers
from mfsn.cache import shard as shards
from mfsn.cache.layout import Layout, dtype_of, make_room
from mfsn.cache.marker import Marker
from mfsn.cache.spec import ArraySpec
from mfsn.cache.trouble import explaining
from mfsn.errors import CacheError, RangeError

log = logging.getLogger(__name__)


def recover(layout: Layout) -> None:
    """Remove what a killed writer left, and commits that no longer hold; needs the lock."""
    for partial in layout.path.rglob("*.partial"):
        partial.unlink()
    sound, refused = markers.read_all(layout)
    for marker in refused:
        markers.drop(layout, marker.shard)
        log.warning(
            "%s: commit marker %s is dropped because %s; its rows will be computed again",
            layout.path, layout.marker(marker.shard).name, marker.reason,
        )  # fmt: skip
    for number in layout.shard_numbers() - {marker.shard for marker in sound}:
        markers.drop(layout, number)


class Writer:
    """Collects rows and commits them shard by shard; made by `Store.writer`, under its lock.

    Args:
        layout: an existing directory without leftovers.
        committed: keys of the rows that are there.
    """

    def __init__(self, layout: Layout, committed: Iterable[str]) -> None:
        self._layout = layout
        self._there = set(committed)
        self._keys: list[str] = []
        self._next_shard = max(layout.shard_numbers(), default=-1) + 1
        self._buffers = {
            array.name: np.empty((layout.rows_per_shard, *array.shape), dtype_of(array))
            for array in layout.spec.arrays
        }

    def append(self, keys: Sequence[str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Add rows; a key whose row is there already stays as it is.

        Args:
            keys: one content key a row.
            arrays: array name to (rows, *shape of a row); floats are cast to the stored dtype.

        Raises:
            RangeError: if a value is not finite, or does not fit the stored dtype.
            StorageFullError: if the disk is full.
            CacheError: if the arrays are not those of the store, or it cannot be written.
        """
        storable = {array.name: self._storable(array, arrays) for array in self._layout.spec.arrays}
        self._refuse_other_lengths(keys, storable)
        for row, key in enumerate(keys):
            if key not in self._there:
                self._take(key, {name: rows[row] for name, rows in storable.items()})

    def finish(self) -> None:
        """Commit the rows that are left, as a short shard.

        Raises:
            StorageFullError: if the disk is full.
            CacheError: if the store cannot be written.
        """
        if self._keys:
            self._commit()

    def withdraw(self, marker: Marker) -> None:
        """Take back a commit, so that its rows can be appended again."""
        markers.drop(self._layout, marker.shard)
        self._there.difference_update(marker.keys)

    def _take(self, key: str, row: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, values in row.items():
            self._buffers[name][len(self._keys)] = values
        self._keys.append(key)
        self._there.add(key)
        if len(self._keys) == self._layout.rows_per_shard:
            self._commit()

    def _commit(self) -> None:
        with explaining(self._layout.path):
            keys, shard = tuple(self._keys), self._next_shard
            checksums = {
                array.name: self._write_shard(array, shard, len(keys))
                for array in self._layout.spec.arrays
            }
            make_room(self._layout, shard * self._layout.rows_per_shard + len(keys))
            sizes = {
                array.name: self._layout.shard(array, shard).stat().st_size
                for array in self._layout.spec.arrays
            }
            markers.write(self._layout, Marker(shard, keys, checksums, sizes))
        self._keys = []
        self._next_shard += 1

    def _write_shard(self, array: ArraySpec, shard: int, rows: int) -> tuple[int, ...]:
        path = self._layout.shard(array, shard)
        return shards.write(path, self._buffers[array.name][:rows], self._layout.rows_per_shard)

    def _storable(
        self, array: ArraySpec, arrays: Mapping[str, npt.NDArray[Any]]
    ) -> npt.NDArray[Any]:
        rows = arrays.get(array.name)
        where = f"{self._layout.spec.extractor}: array {array.name}"
        if rows is None or rows.shape[1:] != array.shape or not _is_castable(rows, array):
            found = "nothing" if rows is None else f"{rows.dtype} rows of shape {rows.shape[1:]}"
            raise CacheError(
                f"{where} holds {array.dtype} rows of shape {array.shape}, but the extractor gave "
                f"{found}; correct its `arrays`"
            )
        return _cast(rows, array, where) if rows.dtype.kind == "f" else rows

    def _refuse_other_lengths(
        self, keys: Sequence[str], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        for name, rows in arrays.items():
            if len(rows) != len(keys):
                raise CacheError(
                    f"{self._layout.spec.extractor}: array {name} has {len(rows)} rows for "
                    f"{len(keys)} keys; every key takes one"
                )


def _is_castable(rows: npt.NDArray[Any], array: ArraySpec) -> bool:
    stored = np.dtype(array.dtype)
    return rows.dtype == stored or (rows.dtype.kind == "f" and stored.kind == "f")


def _cast(rows: npt.NDArray[Any], array: ArraySpec, where: str) -> npt.NDArray[Any]:
    largest = float(np.finfo(array.dtype).max)
    if not (np.abs(rows) <= largest).all():
        raise RangeError(
            f"{where} has values that are not finite or beyond the {largest:g} that {array.dtype} "
            "can hold; look at the audio, or choose a wider dtype in params.yaml"
        )
    return rows.astype(dtype_of(array), copy=False)
