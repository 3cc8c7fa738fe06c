"""Repairing a store directory: damaged rows are removed, intact rows stay.

It can be killed at any moment without losing an intact row: the intact rows of a damaged shard are
committed in a new shard before the old one is deleted. Rows that stand in both count in the newer
one, and the next repair removes them from the older one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.errors import CacheError, StoreVersionError
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store import shard as shards
from mfsn.store.digest import Digest
from mfsn.store.layout import Layout
from mfsn.store.lock import exclusive
from mfsn.store.messages import explaining
from mfsn.store.spec import ArraySpec
from mfsn.store.upkeep.damage import Damage, Findings, inspect, length_of
from mfsn.store.writer import add_shard, recover


def repair(layout: Layout, name: str) -> Findings:
    """Remove what is damaged in a store directory, and what killed writers left.

    Args:
        layout: the directory.
        name: its name beside the progress bar.

    Returns:
        What was found, and is repaired now.

    Raises:
        StoreBusyError: if another process is writing there.
        StorageFullError: if there is no room for the new shards.
        OSError: if a file cannot be read or written.
    """
    with exclusive(layout.path):
        found = inspect(layout, name, is_ours=True)
        for damage in found.damages:
            if damage.intact:
                _commit_again(layout, damage)
            markers.drop(layout, damage.marker.shard)
        recover(layout)
        layouts.make_room(layout, found.length)
    return found


def describe_again(store_root: Path, digest: Digest) -> bool:
    """Write the description of the directory of a digest if it is damaged or missing.

    A directory is left alone if it has no commit marker with a seal of this identity: it holds no
    rows, or somebody renamed it, so that its rows may be needed under its own name.

    Args:
        store_root: root of the feature cache.
        digest: says what the directory holds, and what its description tells people.

    Returns:
        Whether it was written.

    Raises:
        StoreVersionError: if a newer mfsn wrote the directory.
        StoreBusyError: if another process is writing there.
        CacheError: if it cannot be written.
    """
    planned = layouts.plan(store_root, digest.spec)
    try:
        there = layouts.load(planned.path)
    except StoreVersionError:
        raise
    except CacheError:
        there = None
    # If the number of rows per shard in the group is damaged, no array agrees with the group.
    is_described = there and len(layouts.misdescribed(there, 0)) < len(digest.arrays)
    with explaining(planned.path):
        sound, _ = markers.read_all(planned)
        if is_described or not sound:
            return False
        with exclusive(planned.path):
            layouts.create(planned, digest.about)
            layouts.make_room(planned, length_of(planned, sound))
    return True


def _commit_again(layout: Layout, damage: Damage) -> None:
    """Commit the intact rows of a shard in a new shard."""
    keys = [damage.marker.keys[row] for row in damage.intact]
    arrays = {array.name: _read(layout, array, damage) for array in layout.spec.arrays}
    add_shard(layout, keys, arrays)


def _read(layout: Layout, array: ArraySpec, damage: Damage) -> npt.NDArray[Any]:
    rows = np.empty((len(damage.intact), *array.shape), layouts.dtype_of(array))
    path, sums = layout.shard(array, damage.marker.shard), damage.marker.checksums[array.name]
    checksums = [sums[row] for row in damage.intact]
    into = range(len(rows))
    damaged = shards.read(path, damage.intact, checksums, shards.as_bytes(rows), into)
    if damaged:
        raise OSError(f"{path}: {len(damaged)} rows changed while they were read")
    return rows
