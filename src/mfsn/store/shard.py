"""One shard file: the rows of one array in order, each with its checksum, then the index of Zarr.

The format is the sharding codec of Zarr v3 with the inner codecs bytes and crc32c. It is written
here and not by a library, because a shard must be flushed to disk and renamed before its marker is
written. It is read here, because rows without gaps take one `pread` each; the checksum in the
commit marker tells whether the bytes are right.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from mfsn.base import files

CHECKSUM_BYTES = 4

Bytes = npt.NDArray[np.uint8]


def write(path: Path, rows: npt.NDArray[Any], capacity: int) -> tuple[int, ...]:
    """Write a whole shard, flushed to disk, under its name or not at all.

    Args:
        path: the shard file.
        rows: (n, *shape of a row), 0 < n <= capacity, in the stored dtype.
        capacity: rows of a full shard; the index marks those that are not there as absent.

    Returns:
        The crc32c of each row.

    Raises:
        StorageFullError: if the disk is full.
    """
    row_views = as_bytes(rows)
    checksums = tuple(google_crc32c.value(row) for row in row_views)
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        for row, checksum in zip(row_views, checksums, strict=True):
            file.write(row)
            file.write(_stored(checksum))
        file.write(_index(len(rows), row_views.shape[1], capacity))
    return checksums


def read(
    path: Path, positions: Sequence[int], checksums: Sequence[int], out: Bytes, into: Sequence[int]
) -> list[int]:
    """Read rows and check them.

    Args:
        path: the shard file.
        positions: the rows' positions in the shard.
        checksums: the crc32c of the rows, from the commit marker.
        out: (rows, bytes of one row), filled in place.
        into: where in `out` each row goes.

    Returns:
        Positions of rows that are cut off or do not match their checksum.

    Raises:
        OSError: if the file cannot be opened or read.
    """
    damaged = []
    row_size = out.shape[1]
    offsets = [position * (row_size + CHECKSUM_BYTES) for position in positions]
    with path.open("rb", buffering=0) as file:
        for offset in offsets:  # the disk fetches the next rows while one is copied and checked
            os.posix_fadvise(file.fileno(), offset, row_size, os.POSIX_FADV_WILLNEED)
        for position, offset, checksum, target in zip(
            positions, offsets, checksums, into, strict=True
        ):
            row = out[target]
            got = os.preadv(file.fileno(), [row], offset)
            if got != row_size or google_crc32c.value(row) != checksum:
                damaged.append(position)
    return damaged


@dataclass(frozen=True)
class Check:
    """What `check` found in one shard file."""

    damaged: tuple[int, ...]
    """Positions of rows whose bytes or stored checksum are wrong."""
    index_intact: bool
    """Whether the index of Zarr, which other readers need, is as it was written."""


def check(path: Path, row_size: int, checksums: Sequence[int], capacity: int) -> Check:
    """Compare every byte of a shard with its commit marker.

    Args:
        path: the shard file.
        row_size: bytes of one row.
        checksums: crc32c of each row, from the commit marker.
        capacity: rows of a full shard.

    Raises:
        OSError: if the file cannot be opened or read.
    """
    damaged = []
    with path.open("rb") as file:
        for position, checksum in enumerate(checksums):
            row = file.read(row_size)
            if google_crc32c.value(row) != checksum or file.read(4) != _stored(checksum):
                damaged.append(position)
                file.seek((position + 1) * (row_size + CHECKSUM_BYTES))
        index = file.read()
    return Check(tuple(damaged), index == _index(len(checksums), row_size, capacity))


def as_bytes(rows: npt.NDArray[Any]) -> Bytes:
    """A view of rows as (rows, bytes of one row); contiguous rows share their memory."""
    row_size = rows.dtype.itemsize * int(np.prod(rows.shape[1:], dtype=np.int64))
    return np.ascontiguousarray(rows).reshape(-1).view(np.uint8).reshape(len(rows), row_size)


def _stored(checksum: int) -> bytes:
    return checksum.to_bytes(CHECKSUM_BYTES, "little")


def _index(rows: int, row_size: int, capacity: int) -> bytes:
    """Offset and length of every inner chunk (all bits set where there is none), and a checksum."""
    stored_size = row_size + CHECKSUM_BYTES
    entries = np.full((capacity, 2), np.iinfo(np.uint64).max, "<u8")
    entries[:rows, 0] = np.arange(rows, dtype=np.uint64) * np.uint64(stored_size)
    entries[:rows, 1] = stored_size
    index = entries.tobytes()
    return index + _stored(google_crc32c.value(index))
