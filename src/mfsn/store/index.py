"""Where the rows of a store directory lie, kept in arrays.

This takes about 90 bytes per row; Python objects would take 500. An extraction holds two of these,
one for its own rows and one for the waves.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mfsn.store.marker import Marker

Places = npt.NDArray[np.intp]


class RowAddress(NamedTuple):
    """Where a row lies."""

    shard: int
    position: int
    """Its position in that shard."""


class Index(Mapping[str, RowAddress]):
    """The row key and address of every committed row, in the order of the shards.

    The place of a row is its number in that order. A row that stands in two shards counts in the
    later one.

    Args:
        markers: in the order of the shards; they are read one by one.
        arrays: names of the arrays of the directory.

    Attributes:
        shard: number of the shard of the row at each place.
        position: position of the row at each place in its shard.
    """

    def __init__(self, markers: Iterable[Marker], arrays: Sequence[str]) -> None:
        self._arrays = list(arrays)
        found = _all_columns(markers, arrays)
        order = np.argsort(found.keys, kind="stable")
        in_order = found.keys[order]
        again = order[:-1][in_order[1:] == in_order[:-1]]
        if len(again):
            found = _Columns._make(np.delete(column, again, axis=-1) for column in found)
            order = np.argsort(found.keys, kind="stable")
        self._keys, self.shard, self.position, self._checksums = found
        self._order = order

    def places(self, keys: Sequence[str]) -> Places:
        """The place of each key, or -1 if there is no such row."""
        if not len(self) or not len(keys):
            return np.full(len(keys), -1, np.intp)
        asked = _as_bytes(keys)
        first = np.searchsorted(self._keys, asked, sorter=self._order)
        places = self._order[np.minimum(first, len(self) - 1)]
        return np.where(self._keys[places] == asked, places, -1)

    def checksums(self, array: str, places: Places) -> list[int]:
        """The crc32c of rows of an array."""
        found: list[int] = self._checksums[self._arrays.index(array), places].tolist()
        return found

    def __getitem__(self, key: str) -> RowAddress:
        asked = _encoded(key)
        first = bisect.bisect_left(self._order, asked, key=self._keys.__getitem__)
        if first == len(self) or self._keys[place := self._order[first]] != asked:
            raise KeyError(key)
        return RowAddress(int(self.shard[place]), int(self.position[place]))

    def __iter__(self) -> Iterator[str]:
        return (key.decode(errors="surrogatepass") for key in self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class _Columns(NamedTuple):
    keys: npt.NDArray[np.bytes_]
    shard: npt.NDArray[np.int32]
    position: npt.NDArray[np.int32]
    checksums: npt.NDArray[np.uint32]
    """(arrays, rows)."""


def _all_columns(markers: Iterable[Marker], arrays: Sequence[str]) -> _Columns:
    nothing = _columns(Marker(0, (), {}, {}), arrays)
    pieces = [nothing, *(_columns(marker, arrays) for marker in markers)]
    return _Columns._make(np.concatenate(column, axis=-1) for column in zip(*pieces, strict=True))


def _columns(marker: Marker, arrays: Sequence[str]) -> _Columns:
    rows = len(marker.keys)
    checksums = np.array([marker.checksums.get(name, ()) for name in arrays], np.uint32)
    return _Columns(
        _as_bytes(marker.keys),
        np.full(rows, marker.shard, np.int32),
        np.arange(rows, dtype=np.int32),
        checksums.reshape(len(arrays), rows),
    )


def _as_bytes(keys: Sequence[str]) -> npt.NDArray[np.bytes_]:
    return np.array([_encoded(key) for key in keys], np.bytes_)


def _encoded(key: str) -> bytes:
    return key.encode(errors="surrogatepass")
