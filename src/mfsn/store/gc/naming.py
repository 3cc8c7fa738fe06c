"""Which rows the digests of all registered checkouts name: of working trees and of git's refs.

A digest that DVC's cache lacks, or that is damaged in a working tree, names nothing here. A remark
says so, and its rows go by age. Where this user may not look, everything that the checkout has
registered counts as named.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from mfsn.errors import CacheError, MfsnError
from mfsn.store.checkouts.dvc import (
    Output,
    cache_folder,
    content,
    digests_of,
    extractor_named_by,
    outputs_in,
)
from mfsn.store.checkouts.git_history import locks
from mfsn.store.marker import committed_keys
from mfsn.store.owners import owners, rows_named
from mfsn.workspace import names_rows

UNREAD = "earlier system"
"""What names rows that the system of params.yaml does not read, and an earlier one did."""

Rows = tuple[str, frozenset[str]]
"""A directory below the store root, and keys of its rows."""


class Rank(IntEnum):
    """What names a row; a budget takes the lowest first."""

    NOTHING = 0
    REF = 1
    WORKING_TREE = 2


@dataclass(frozen=True)
class Naming:
    """A digest that names rows of a store directory."""

    checkout: str
    source: str
    """What holds the digest, for people: `working tree`, `refs/heads/main`, `UNREAD`."""
    rank: Rank
    store: str
    """The directory below the store root."""
    keys: frozenset[str]
    """Keys of the rows."""


class Namings:
    """Finds every digest of all checkouts that are registered in a store.

    Args:
        store_root: root of the feature cache.
        current: the present checkout, registered or not; None outside of one.
        forgotten: checkouts that count as gone.

    Attributes:
        remarks: sentences about what could not be read; complete after iterating.
        gone: registered checkouts that do not exist any more, or are forgotten; sorted.
    """

    def __init__(self, store_root: Path, current: Path | None, forgotten: tuple[str, ...]) -> None:
        self.remarks: list[str] = []
        self._root = store_root
        self._owners = [o for o in owners(store_root) if o.checkout not in forgotten]
        presence = {owner.checkout: owner.presence for owner in self._owners}
        presence |= {str(current.resolve()): "there"} if current else {}
        self.gone = sorted({*forgotten, *(name for name in presence if presence[name] == "gone")})
        self._checkouts = sorted(name for name in presence if presence[name] == "there")
        self._away = sorted(name for name in presence if presence[name] == "unreachable")
        self._read: dict[str, Rows] = {}
        self._lacking, self._kept = set[tuple[str, str]](), set[str]()
        self._caches = {name: cache_folder(Path(name)) for name in self._checkouts}

    def __iter__(self) -> Iterator[Naming]:
        for name in self._away:
            remedy = f"if it is gone for good, run `mfsn cache gc --forget {name}`"
            yield from self._registered(name, f"cannot be reached from here ({remedy})")
        for name in self._checkouts:
            if _is_readable(Path(name)):
                yield from self._of_working_tree(name)
                yield from self._of_refs(name)
            else:
                yield from self._registered(name, "cannot be read by this user")

    def _registered(
        self, checkout: str, why: str, rank: Rank = Rank.WORKING_TREE
    ) -> Iterator[Naming]:
        """Every row of the directories that a checkout has registered; once per checkout."""
        if checkout in self._kept:
            return
        self._kept.add(checkout)
        self.remarks.append(f"{checkout} {why}; all rows that it registered are kept")
        for store in sorted({o.store for o in self._owners if o.checkout == checkout}):
            yield from self._whole(checkout, "registration", rank, store)

    def _whole(self, checkout: str, source: str, rank: Rank, store: str) -> Iterator[Naming]:
        """Every row of a directory."""
        with contextlib.suppress(CacheError):  # gc leaves such a directory alone
            keys = frozenset(committed_keys(self._root / store))
            yield Naming(checkout, source, rank, store, keys)

    def _of_working_tree(self, checkout: str) -> Iterator[Naming]:
        """Its digests, and those in its dvc.lock: DVC removes a digest while its stage runs."""
        place, source, lock = Path(checkout), "working tree", b""
        try:
            with contextlib.suppress(FileNotFoundError):
                lock = (place / "dvc.lock").read_bytes()
            for path in digests_of(place):
                yield from self._of_digest(checkout, source, path)
            yield from self._of_earlier_system(checkout)
        except OSError as error:
            yield from self._registered(checkout, f"has files that cannot be read ({error})")
        yield from self._of_lock(checkout, source, Rank.WORKING_TREE, lock)

    def _of_digest(self, checkout: str, source: str, path: Path) -> Iterator[Naming]:
        try:
            extractor = extractor_named_by(path.relative_to(checkout).as_posix())
            store, keys = rows_named(path, extractor, self._root)
            yield Naming(checkout, source, Rank.WORKING_TREE, store, frozenset(keys))
        except MfsnError as error:
            self.remarks.append(f"{error}; rows that only this file names go by age")

    def _of_earlier_system(self, checkout: str) -> Iterator[Naming]:
        """Whole directories, the last ones of digests that name nothing now: a ref's rank.

        A note does not say which rows it was. Going back to the earlier system is to cost nothing.
        """
        last = {owner.path: owner.store for owner in self._owners if owner.checkout == checkout}
        for path, store in sorted(last.items()):
            if path.is_file() and not names_rows(path):
                yield from self._whole(checkout, UNREAD, Rank.REF, store)

    def _of_refs(self, checkout: str) -> Iterator[Naming]:
        try:
            found = locks(Path(checkout))
        except CacheError as error:
            yield from self._registered(checkout, f"has refs that cannot be read ({error})")
            return
        for lock, refs in found.items():
            source = ", ".join(refs[:2]) + (", ..." if len(refs) > 2 else "")
            yield from self._of_lock(checkout, source, Rank.REF, lock)

    def _of_lock(self, checkout: str, source: str, rank: Rank, lock: bytes) -> Iterator[Naming]:
        try:
            named = outputs_in(lock)
        except CacheError as error:
            self.remarks.append(f"{checkout}, {source}: {error}; rows that it names go by age")
            return
        for output in named:
            try:
                yield Naming(checkout, source, rank, *self._content(checkout, output))
            except FileNotFoundError:
                self._tell_lacking(checkout, source, output)
            except (MfsnError, OSError) as error:
                why = f"has {output.path} in DVC's cache, which cannot be read ({error})"
                yield from self._registered(checkout, why, rank)

    def _content(self, checkout: str, output: Output) -> Rows:
        """The rows that a digest in DVC's cache names; FileNotFoundError where it is not there."""
        if output.md5 not in self._read:
            path = content(self._caches[checkout], output.md5)
            path.stat()
            store, keys = rows_named(path, output.extractor, self._root)
            self._read[output.md5] = store, frozenset(keys)
        return self._read[output.md5]

    def _tell_lacking(self, checkout: str, source: str, output: Output) -> None:
        if (checkout, output.md5) not in self._lacking:
            self._lacking.add((checkout, output.md5))
            self.remarks.append(
                f"{checkout}: DVC's cache lacks {output.path} of {source}. Nobody knows which "
                "rows it names, so these go by age; `dvc fetch -aT` brings it back"
            )


def _is_readable(checkout: Path) -> bool:
    """Whether this user may see all digests that lie there."""
    folders = ("data", "data/prepared", "data/prepared/*", "data/prepared/*/features")
    found = (folder for pattern in folders for folder in checkout.glob(pattern))
    return all(os.access(folder, os.R_OK | os.X_OK) for folder in (checkout, *found))
