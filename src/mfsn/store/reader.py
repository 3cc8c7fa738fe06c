"""Reading the rows that a digest names, by segment or utterance id."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from mfsn.base.quantities import counted
from mfsn.errors import MissingRowError
from mfsn.store.digest import Digest
from mfsn.store.owners import note_use
from mfsn.store.store import Store

_NOTE_EVERY_S = 3600.0
"""A training that reads for days is in use all the time."""


class FeatureReader:
    """The rows of one digest; `open` makes it once it has found all of them in the store.

    Attributes:
        digest: what names the rows.
        rows: segment id (utterance id for extractors of that scope) to row key.
        ids: all of these ids, sorted.

    Example:
        >>> digest = Path("data/prepared/demo/features/mfcc.json")  # doctest: +SKIP
        >>> reader = mfsn.FeatureReader.open(digest, Path("data/store"))  # doctest: +SKIP
        >>> reader.read(reader.ids[:2])["mfcc"].shape  # doctest: +SKIP
        (2, 300, 40)
    """

    def __init__(self, digest: Digest, store: Store, fold: str | None = None) -> None:
        self.digest = digest
        self.rows = digest.rows_of(fold)
        self.ids = sorted(self.rows)
        self._store = store
        self._note_use()

    @classmethod
    def open(cls, digest_path: Path, store_root: Path, fold: str | None = None) -> FeatureReader:
        """Open the rows that a digest names.

        Args:
            digest_path: the digest.
            store_root: the root of the store.
            fold: the fold whose rows are read; it counts only where every fold has its own.

        Raises:
            MissingRowError: if the store lacks a row that the digest names.
            CacheError: if the digest is missing or cannot be read, or the store cannot be; if the
                digest has rows per fold, and none for this one.
        """
        digest = Digest.read(digest_path)
        store = Store(store_root, digest.spec)
        lost = store.missing(list(digest.rows_of(fold).values()))
        if lost:
            raise MissingRowError(
                f"{digest_path} names {counted(len(lost), 'row')} not in {store.path} "
                f"{store.why_lost(lost)}"
            )
        note_use(store_root, digest_path, digest.store)
        return cls(digest, store, fold)

    def read(
        self, ids: Sequence[str], arrays: Sequence[str] | None = None
    ) -> dict[str, npt.NDArray[Any]]:
        """Read rows, checked against their checksums.

        Args:
            ids: segment or utterance ids, in any order.
            arrays: names of the arrays to read; all by default.

        Returns:
            Array name to (len(ids), *shape of a row), rows in the order of `ids`.

        Raises:
            MissingRowError: if the digest does not name an id, or its row is gone.
            DamagedRowError: if a row's bytes do not match their checksum.
            CacheError: if an array is not one of the digest's.
        """
        unknown = [name for name in ids if name not in self.rows]
        if unknown:
            raise MissingRowError(
                f"the digest of {self.digest.extractor} has no row for {unknown[0]} (and "
                f"{len(unknown) - 1} more); run `dvc repro` so that it covers them"
            )
        if time.monotonic() - self._noted > _NOTE_EVERY_S:
            self._note_use()
        return self._store.read([self.rows[name] for name in ids], arrays)

    def _note_use(self) -> None:
        self._noted = time.monotonic()
        self._store.note_use(list(self.rows.values()))
