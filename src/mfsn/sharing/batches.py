"""Copy rows in batches, so that memory does not grow with the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import google_crc32c
import numpy as np
import numpy.typing as npt

from mfsn.store import shard as shards
from mfsn.store.layout import row_bytes
from mfsn.store.spec import ArraySpec

BATCH_BYTES = 32 * 2**20

Array = npt.NDArray[Any]
Rows = dict[str, Array]
"""For each array name, an array (rows, *shape of a row)."""
Item = TypeVar("Item")


def rows_within(largest_bytes: int, arrays: Sequence[ArraySpec]) -> int:
    """The number of rows of these arrays that fit into some bytes, but at least one."""
    return max(1, largest_bytes // sum(row_bytes(array) for array in arrays))


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Split items into consecutive batches of at most `size` items."""
    return (items[first : first + size] for first in range(0, len(items), size))


def checksums_of(rows: Array) -> list[int]:
    """The crc32c of each row's bytes, as in commit markers.

    Args:
        rows: (rows, *shape of a row) in the stored dtype.
    """
    return [google_crc32c.value(row) for row in shards.as_bytes(rows)]


def count_unsound(rows: Array, checksums: Sequence[int]) -> int:
    """The number of rows that do not match their checksums, or contain NaN or infinite values.

    Args:
        rows: (rows, *shape of a row) in the stored dtype.
        checksums: the crc32c that each row should have.
    """
    finite = [bool(np.isfinite(row).all()) for row in rows]
    pairs = zip(checksums_of(rows), checksums, finite, strict=True)
    return sum(not is_finite or found != expected for found, expected, is_finite in pairs)
