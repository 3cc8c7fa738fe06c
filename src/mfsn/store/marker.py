"""Commit markers: a row exists once the commit marker of its shard is written.

A marker is written after its shards are on disk. It holds their keys, checksums and sizes, and a
seal: a hash of all that, of the identity of the store directory and of the number of the shard. So
a marker that was cut off, edited, renamed or copied from another directory does not count.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn.base import files
from mfsn.config import sha256_of
from mfsn.store.layout import Layout, load
from mfsn.store.messages import explaining


@dataclass(frozen=True)
class Marker:
    """The commit marker of one shard, for all arrays."""

    shard: int
    keys: tuple[str, ...]
    """Row keys, in the order of the rows."""
    checksums: Mapping[str, tuple[int, ...]]
    """Array name to the crc32c of the bytes of each row."""
    sizes: Mapping[str, int]
    """Array name to the size of its shard file in bytes."""


@dataclass(frozen=True)
class Refused:
    """A commit marker that does not count."""

    shard: int
    reason: str
    marker: Marker | None = None
    """Its content, if its seal is right and only its shards are not."""


def write(layout: Layout, marker: Marker) -> None:
    """Commit a shard whose files are on disk.

    Raises:
        FileNotFoundError: if the store directory does not exist any more.
        StorageFullError: if the disk is full.
    """
    if not (layout.path / "zarr.json").is_file():
        # A share that was unmounted leaves an empty folder, in which writing would succeed.
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(layout.path))
    content = _content(marker)
    seal = _seal(layout, marker.shard, content)
    files.write_json(layout.marker(marker.shard), {**content, "seal": seal})


def read_all(layout: Layout) -> tuple[list[Marker], list[Refused]]:
    """The markers that count, in the order of shards, and those that do not.

    A marker counts if its seal is right and every shard file has the size that it holds.
    """
    markers, refused = [], []
    for found in read_each(layout):
        if isinstance(found, Marker):
            markers.append(found)
        else:
            refused.append(found)
    return markers, refused


def read_each(layout: Layout) -> Iterator[Marker | Refused]:
    """The markers of `read_all`, one at a time."""
    for path in sorted(layout.commits.glob("*.json")):
        found = _read(layout, path)
        if found is not None:
            yield found


def committed_keys(path: Path) -> set[str]:
    """Keys of all rows of a store directory; none where there is no such directory.

    Raises:
        CacheError: if its description is damaged, or it cannot be read.
    """
    with explaining(path):
        layout = load(path)
        committed = read_all(layout)[0] if layout else []
    return {key for marker in committed for key in marker.keys}


def drop(layout: Layout, shard: int) -> None:
    """Take a commit back: delete first the marker, then the files of the shard."""
    layout.marker(shard).unlink(missing_ok=True)
    for path in (*layout.shards(shard), layout.used(shard)):
        path.unlink(missing_ok=True)


def _read(layout: Layout, path: Path) -> Marker | Refused | None:
    if not path.stem.isdecimal() or path != layout.marker(shard := int(path.stem)):
        return None
    try:
        content = files.read_json(path)
        seal = content.pop("seal")
        if seal != _seal(layout, shard, content):
            return Refused(shard, "its seal does not match its content")
        marker = _parse(layout, shard, content)
        reason = _wrong_size(layout, marker)
    except FileNotFoundError:
        return None  # another process has just deleted the shard
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(shard, "it cannot be read")
    return Refused(shard, reason, marker) if reason else marker


def _parse(layout: Layout, shard: int, content: Any) -> Marker:
    keys, names = tuple(map(str, content["keys"])), [array.name for array in layout.spec.arrays]
    checksums = {name: tuple(map(int, content["checksums"][name])) for name in names}
    if len({len(keys), *map(len, checksums.values())}) > 1 or len(set(keys)) < len(keys):
        raise ValueError("not one checksum an array for each key")
    if any(not 0 <= value < 1 << 32 for values in checksums.values() for value in values):
        raise ValueError("not a crc32c")
    return Marker(shard, keys, checksums, {name: int(content["sizes"][name]) for name in names})


def _wrong_size(layout: Layout, marker: Marker) -> str | None:
    for array in layout.spec.arrays:
        path = layout.shard(array, marker.shard)
        expected = marker.sizes[array.name]
        actual = path.stat().st_size if path.is_file() else None
        if actual != expected:
            found = "is missing" if actual is None else f"has {actual} bytes, not {expected}"
            return f"{array.name}/{path.name} ({len(marker.keys)} rows) {found}"
    return None


def _content(marker: Marker) -> dict[str, Any]:
    return {
        "keys": list(marker.keys),
        "checksums": {name: list(values) for name, values in marker.checksums.items()},
        "sizes": dict(marker.sizes),
    }


def _seal(layout: Layout, shard: int, content: Mapping[str, Any]) -> str:
    return sha256_of([layout.spec.identity, shard, content])
