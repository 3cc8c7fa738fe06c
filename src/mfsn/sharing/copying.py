"""`mfsn cache push` and `pull`: rows that are on one side only go to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from mfsn.base.quantities import counted
from mfsn.errors import DamagedRowError
from mfsn.sharing.batches import BATCH_BYTES, Array, batches, rows_within
from mfsn.sharing.bundles import Bundle, RemoteStore
from mfsn.sharing.remote import Remote
from mfsn.store.digest import Digest
from mfsn.store.layout import row_bytes
from mfsn.store.messages import refill
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store

LARGEST_OBJECT_BYTES = 64 * 2**20
MOST_ROWS_PER_BUNDLE = 4096


@dataclass(frozen=True)
class Copied:
    """What became of the rows that a digest names."""

    directory: str
    """Below the store root, and below the address."""
    copied: int
    bytes: int
    """Of the copied rows."""
    there: int
    """Rows that the receiving side had already."""
    lost: int
    """Rows that neither side has."""
    damaged: tuple[str, ...] = ()
    """Commits of the remote whose rows do not all match their checksums."""

    def sentence(self) -> str:
        """One line about it."""
        lost = f", {self.lost} on neither side" if self.lost else ""
        size = f"{self.bytes / 1e6:.1f} MB"
        done = f"{counted(self.copied, 'row')} copied ({size}), {self.there} there already"
        return f"{self.directory}: {done}{lost}"

    def problems(self) -> list[str]:
        """What stands in the way of having all rows on both sides, one sentence each."""
        problems = [
            f"{commit}: its rows do not match their checksums and were not all taken; delete it "
            "there, and run `mfsn cache push` where the rows are"
            for commit in self.damaged
        ]
        if self.lost:
            remedy = refill(self.directory.partition("/")[0])
            problems.append(
                f"{self.directory}: {counted(self.lost, 'row')} on neither side; {remedy} computes "
                "what is missing"
            )
        return problems


def push(
    remote: Remote, store_root: Path, digest: Digest, reached: Callable[[], object] = lambda: None
) -> Copied:
    """Copy the rows that a digest names to a remote, but for those that are there.

    Rows travel in bundles; a kill loses the one in flight, and the next push goes on behind it.

    Args:
        remote: the address.
        store_root: root of the feature cache.
        digest: what names the rows.
        reached: called before rows travel, once it is known that the address is a right one: it
            holds some of the rows, or has taken their description.

    Raises:
        DamagedRowError: if a row of the store does not match its checksum.
        RemoteError: if the remote cannot be read or written.
        CacheError: if the store cannot be read.
    """
    store, far = Store(store_root, digest.spec), RemoteStore(remote, digest.spec)
    named = set(digest.rows.values())
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
    """Copy the rows that a digest names from a remote, but for those that are in the store.

    Rows are compared with their checksums before they are committed; damaged ones are left out
    and named. A kill loses the rows of the shard in flight, and the next pull fetches those.

    Raises:
        RemoteError: if the remote cannot be read.
        StoreBusyError: if another process is writing to the same directory.
        CacheError: if the store cannot be written.
    """
    named = list(dict.fromkeys(digest.rows.values()))
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
    """Which positions of which bundles hold the missing rows, each row once."""
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
    """How many rows arrived whole, and the commits of bundles that did not."""
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
    """Consecutive positions in pieces of at most `most`."""
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
