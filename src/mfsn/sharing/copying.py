"""`mfsn cache push` and `pull`: copy rows that are only on one side to the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from mfsn.base.quantities import counted, show_bytes
from mfsn.errors import DamagedRowError
from mfsn.sharing.batches import BATCH_BYTES, Array, batches, rows_within
from mfsn.sharing.bundles import Bundle, RemoteStore
from mfsn.sharing.remote import Remote
from mfsn.store.digest import Digest
from mfsn.store.layout import row_bytes
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store

LARGEST_OBJECT_BYTES = 64 * 2**20
MOST_ROWS_PER_BUNDLE = 4096


@dataclass(frozen=True)
class Copied:
    """The result of copying the rows that a digest names."""

    directory: str
    """The directory relative to the store root, and to the address."""
    copied: int
    bytes: int
    """The size of the copied rows in bytes."""
    there: int
    """The number of rows that the receiving side had already."""
    lost: int
    """The number of rows that neither side has."""
    damaged: tuple[str, ...] = ()
    """Commits of the remote with rows that do not match their checksums."""

    def sentence(self) -> str:
        """The result in one line."""
        lost = f", {self.lost} on neither side" if self.lost else ""
        size = show_bytes(self.bytes)
        done = f"{counted(self.copied, 'row')} copied ({size}), {self.there} there already"
        return f"{self.directory}: {done}{lost}"

    def problems(self) -> list[str]:
        """Why not all rows are on both sides, one sentence per reason."""
        problems = [
            f"{commit}: rows that do not match their checksums were not copied; delete this commit "
            "at the address, and run `mfsn cache push` on a machine that has the rows"
            for commit in self.damaged
        ]
        if self.lost:
            problems.append(
                f"{self.directory}: {counted(self.lost, 'row')} on neither side; `dvc repro` "
                "computes missing rows"
            )
        return problems


def push(
    remote: Remote, store_root: Path, digest: Digest, reached: Callable[[], object] = lambda: None
) -> Copied:
    """Copy the rows that a digest names to a remote, except those that are there already.

    Rows are copied in bundles. If the process is killed, only the current bundle is lost, and the
    next push continues from there.

    Args:
        remote: the address.
        store_root: root of the feature cache.
        digest: names the rows.
        reached: called before rows are copied, when it is known that the address is right: it has
            some of the rows, or has accepted their description.

    Raises:
        DamagedRowError: if a row of the store does not match its checksum.
        RemoteError: if the remote cannot be read or written.
        CacheError: if the store cannot be read.
    """
    store, far = Store(store_root, digest.spec), RemoteStore(remote, digest.spec)
    named = set(digest.keys)
    there = {key for bundle in far.bundles() for key in bundle.keys} & named
    wanted = named - there
    waiting = [key for key in store.committed() if key in wanted]
    if waiting:
        far.describe(digest)
    if waiting or there:
        reached()
    size, most = 0, rows_within(LARGEST_OBJECT_BYTES, [_largest(digest)])
    with _progress(f"push {digest.extractor}", len(waiting)) as progress:
        for keys in batches(waiting, min(most, MOST_ROWS_PER_BUNDLE)):
            size += far.add(keys, partial(_read, store, keys))
            progress.update(len(keys))
    lost = len(wanted) - len(waiting)
    return Copied(digest.store, len(waiting), size, len(there), lost)


def pull(remote: Remote, store_root: Path, digest: Digest) -> Copied:
    """Copy the rows that a digest names from a remote, except those that are in the store.

    Rows are compared with their checksums before they are committed; damaged ones are left out and
    reported. If the process is killed, only the rows of the current shard are lost, and the next
    pull copies them.

    Raises:
        RemoteError: if the remote cannot be read.
        StoreBusyError: if another process is writing to the same directory.
        CacheError: if the store cannot be written.
    """
    named = list(dict.fromkeys(digest.keys))
    store = Store(store_root, digest.spec)
    missing = store.missing(named)
    if not missing:
        return Copied(digest.store, 0, 0, len(named), 0)
    far = RemoteStore(remote, digest.spec)
    found = _find(far, set(missing))
    wanted = sum(len(positions) for _, positions in found)
    fetched, damaged = _fetch(far, store, digest, found) if found else (0, [])
    size = fetched * sum(row_bytes(array) for array in digest.arrays)
    there, lost = len(named) - len(missing), len(missing) - wanted
    return Copied(digest.store, fetched, size, there, lost, tuple(damaged))


def _find(far: RemoteStore, missing: set[str]) -> list[tuple[Bundle, list[int]]]:
    """The bundles that have missing rows, with the positions of these rows; each row once."""
    found = []
    for bundle in far.bundles():
        positions = [place for place, key in enumerate(bundle.keys) if key in missing]
        missing = missing.difference(bundle.keys)
        if positions:
            found.append((bundle, positions))
    return found


def _fetch(
    far: RemoteStore, store: Store, digest: Digest, found: Sequence[tuple[Bundle, list[int]]]
) -> tuple[int, list[str]]:
    """The number of rows that arrived undamaged, and the commits of damaged bundles."""
    fetched, damaged = 0, []
    total = sum(len(positions) for _, positions in found)
    most = rows_within(BATCH_BYTES, digest.arrays)
    with store.writer(digest.about) as writer, _progress(f"pull {digest.extractor}", total) as bar:
        for bundle, positions in found:
            for piece in _runs(positions, most):
                try:
                    rows = far.read(bundle, piece)
                except DamagedRowError:
                    damaged.append(far.commit(bundle))
                    continue
                writer.append(bundle.keys[piece], rows)
                fetched += piece.stop - piece.start
                bar.update(piece.stop - piece.start)
    return fetched, sorted(set(damaged))


def _runs(positions: Sequence[int], most: int) -> Iterator[slice]:
    """Slices of consecutive positions, each with at most `most` positions."""
    first = 0
    for index, position in enumerate(positions):
        is_last = index + 1 == len(positions) or positions[index + 1] != position + 1
        if is_last or index + 1 - first == most:
            yield slice(positions[first], position + 1)
            first = index + 1


def _largest(digest: Digest) -> ArraySpec:
    return max(digest.arrays, key=row_bytes)


def _progress(what: str, rows: int) -> tqdm[NoReturn]:
    return tqdm(total=rows, desc=what, unit="row", disable=None)


def _read(store: Store, keys: Sequence[str], array: str) -> Array:
    return store.read(keys, [array])[array]
