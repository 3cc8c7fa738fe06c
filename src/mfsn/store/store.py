"""One store directory: which rows are there, and reading them with a check of every byte."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.base import files
from mfsn.base.quantities import counted
from mfsn.errors import CacheError, DamagedRowError, MissingRowError
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store import shard as shards
from mfsn.store.checkouts.missed import note_missed
from mfsn.store.index import Index, Places
from mfsn.store.lock import exclusive
from mfsn.store.marker import Marker, Refused
from mfsn.store.messages import REPAIR, explaining, fill, lost, unreachable
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.writer import Writer, recover


class Store:
    """The rows of one extractor with one configuration.

    Args:
        root: root of the feature cache, from `mfsn.workspace.store_root`.
        spec: identity and arrays; they decide the name of the directory below the root.
    """

    def __init__(self, root: Path, spec: StoreSpec) -> None:
        self.root = root
        self.spec = spec
        self.path = root / spec.directory
        self._layout = layouts.plan(root, spec)
        self._known = Index((), self._array_names)
        self._refused: list[Refused] = []

    def committed(self) -> Index:
        """All rows that are there at this moment, by key, as the commit markers say.

        Raises:
            StoreVersionError: if another version of mfsn wrote the directory.
            CacheError: if its description is damaged.
        """
        with explaining(self.path):
            self._layout = layouts.load(self.path) or self._layout
            self._refused = []
            self._known = Index(self._sound(), self._array_names)
        return self._known

    def missing(self, keys: Sequence[str]) -> list[str]:
        """The keys that have no row at this moment, each once, in the given order.

        Raises:
            StoreVersionError: if another version of mfsn wrote the directory.
            CacheError: if its description is damaged.
        """
        once = list(dict.fromkeys(keys))
        places = self.committed().places(once)
        return [key for key, place in zip(once, places.tolist(), strict=True) if place < 0]

    def claim(self, keys: Sequence[str]) -> list[str]:
        """The keys that have no row, as `missing`; use is noted on the shards of all others.

        Without the note, `mfsn cache gc` could delete old rows before a digest names them.
        """
        missing = self.missing(keys)
        self.note_use(keys)
        if all(self._layout.marker(shard).is_file() for shard in self._shards_of(keys)):
            return missing
        return self.missing(keys)  # some were deleted before the note was there

    def short_shards(self, share: float) -> int:
        """How many shards have at most a share of the rows that fit into one.

        Raises:
            StoreVersionError, CacheError: as `committed`.
        """
        _, rows = np.unique(self.committed().shard, return_counts=True)
        return int(np.count_nonzero(rows <= share * self._layout.rows_per_shard))

    def why_lost(self, keys: Collection[str]) -> str:
        """Why rows that `missing` has just named are not there, and how they come back.

        It also leaves a note in the store, so that the next `dvc repro` computes them.
        """
        note_missed(self.root, self.spec.extractor)
        damage = None
        for refused in self._refused:
            if refused.marker is None or not set(keys).isdisjoint(refused.marker.keys):
                name = self._layout.marker(refused.shard).name
                damage = f"commit marker {name} does not count, since {refused.reason}"
        return lost(self.spec.extractor, damage)

    @contextlib.contextmanager
    def writer(
        self, about: Mapping[str, Any] | None = None, waits: bool = True
    ) -> Iterator[Writer]:
        """Open the directory for appending: locked, created if need be, leftovers removed.

        All rows that were appended are committed when the body ends, also by an exception. Shards
        are committed as soon as they are full, or after `mfsn.store.writer.COMMIT_AFTER_S`.

        Args:
            about: plain values for people, kept when the directory is created.
            waits: whether to wait for another writer, as long as `mfsn.store.lock.wait_s` says.

        Raises:
            StoreBusyError: if another process is writing.
            StorageFullError: if the disk is full.
            StoreVersionError: if another version of mfsn wrote the directory.
            CacheError: if it cannot be written, or its description is damaged.
        """
        with exclusive(self.path, waits):
            with explaining(self.path):
                self._create_once(about or {})
                recover(self._layout)
            with Writer(self._layout, self.committed()) as writer:
                yield writer

    def read(
        self, keys: Sequence[str], arrays: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Read rows; each is compared with its checksum in the commit marker.

        Args:
            keys: row keys, in any order, repeated or not.
            arrays: names of the arrays to read; all by default.

        Returns:
            Array name to (len(keys), *shape of a row), rows in the order of `keys`.

        Raises:
            MissingRowError: if a key has no committed row, or its shard file is missing.
            DamagedRowError: if a row's bytes do not match their checksum.
            CacheError: if the directory has no such array, or cannot be reached.
        """
        try:
            return self._read_known(keys, arrays)
        except MissingRowError:
            if self._known and not self.path.is_dir():
                raise unreachable(self.path, os.strerror(errno.ENOENT)) from None
            self.committed()  # `mfsn cache gc` may have written their shard anew
        return self._read_known(keys, arrays)

    def note_use(self, keys: Sequence[str]) -> None:
        """Note on the shards of rows that they are read now, for `mfsn cache gc`.

        A store that cannot be written takes no note.

        Args:
            keys: keys of rows that `missing` or `committed` has found.
        """
        for shard in self._shards_of(keys):
            path = self._layout.used(shard)
            with contextlib.suppress(OSError):
                path.parent.mkdir(exist_ok=True)
                try:
                    path.touch()
                except PermissionError:  # another user's, which can be replaced
                    files.write_bytes(path, b"")

    def _shards_of(self, keys: Sequence[str]) -> list[int]:
        """The shards of the rows that were found."""
        places = self._known.places(keys)
        found: list[int] = np.unique(self._known.shard[places[places >= 0]]).tolist()
        return found

    def _read_known(
        self, keys: Sequence[str], arrays: Sequence[str] | None
    ) -> dict[str, npt.NDArray[Any]]:
        index, places = self._located(keys)
        with explaining(self.path):
            return {array.name: self._read(array, index, places) for array in self._chosen(arrays)}

    def _sound(self) -> Iterator[Marker]:
        """The markers that count; the others are remembered for `why_lost`."""
        for found in markers.read_each(self._layout):
            if isinstance(found, Marker):
                yield found
            else:
                self._refused.append(found)

    @property
    def _array_names(self) -> list[str]:
        return [array.name for array in self.spec.arrays]

    def _create_once(self, about: Mapping[str, Any]) -> None:
        existing = layouts.load(self.path)
        if existing is None:
            layouts.create(self._layout, about)
        else:
            self._layout = existing

    def _located(self, keys: Sequence[str]) -> tuple[Index, Places]:
        index = self._known
        places = index.places(keys)
        if (places < 0).any():
            index = self.committed()  # the first read, or another process has committed since
            places = index.places(keys)
        if (places < 0).any():
            gone = [key for key, place in zip(keys, places.tolist(), strict=True) if place < 0]
            raise MissingRowError(
                f"{self.path}: {len(gone)} of {counted(len(keys), 'row')} not in the store "
                f"{self.why_lost(gone)}"
            )
        return index, places

    def _chosen(self, names: Sequence[str] | None) -> list[ArraySpec]:
        arrays = {array.name: array for array in self.spec.arrays}
        unknown = [name for name in names or () if name not in arrays]
        if unknown:
            raise CacheError(
                f"{self.path}: no array {', '.join(unknown)}; there are {', '.join(arrays)}"
            )
        return [arrays[name] for name in (arrays if names is None else names)]

    def _read(self, array: ArraySpec, index: Index, places: Places) -> npt.NDArray[Any]:
        rows = np.empty((len(places), *array.shape), layouts.dtype_of(array))
        out = shards.as_bytes(rows)
        for shard, targets in _by_shard(index, places):
            own = places[targets]
            positions, checksums = index.position[own].tolist(), index.checksums(array.name, own)
            path = self._layout.shard(array, shard)
            try:
                damaged = shards.read(path, positions, checksums, out, targets.tolist())
            except FileNotFoundError:
                raise self._shard_gone(path) from None
            if damaged:
                raise self._rows_damaged(path, damaged)
        return rows

    def _shard_gone(self, path: Path) -> MissingRowError:
        return MissingRowError(
            f"{path} was deleted while its rows were in use; {fill(self.spec.extractor)}"
        )

    def _rows_damaged(self, path: Path, positions: Sequence[int]) -> DamagedRowError:
        return DamagedRowError(
            f"{path}: {counted(len(positions), 'row')} not as written (the first is row "
            f"{min(positions)}); {REPAIR}"
        )


def _by_shard(index: Index, places: Places) -> Iterator[tuple[int, Places]]:
    """Indices into `places`, grouped by shard; in each shard they are in the order on disk."""
    in_order = np.argsort(places, kind="stable")  # places count through the shards
    shard = index.shard[places[in_order]]
    for targets in np.split(in_order, np.flatnonzero(np.diff(shard)) + 1):
        if len(targets):
            yield int(index.shard[places[targets[0]]]), targets
