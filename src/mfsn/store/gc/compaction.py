"""Taking rows out of a store directory: whole shards first, then shards written anew.

Kill it at any moment and no needed row is lost: a shard that is written anew is committed before
the old one goes. Rows that stand in both for a moment are dropped from the older one next time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence, Set
from pathlib import Path

from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.gc.contents import Contents
from mfsn.store.gc.plan import DirectoryPlan
from mfsn.store.layout import Layout
from mfsn.store.lock import exclusive
from mfsn.store.marker import Marker
from mfsn.store.messages import explaining
from mfsn.store.store import Store
from mfsn.store.writer import add_shard


def free(store_root: Path, plan: DirectoryPlan, before: float) -> None:
    """Do what is planned for a directory; rows that came in the meantime stay.

    Args:
        store_root: root of the feature cache.
        plan: what goes.
        before: leftovers of killed writers go if they are older (seconds since the epoch).

    Raises:
        StoreBusyError: if another process writes there.
        DamagedRowError: if a row of a shard that is written anew does not match its checksum.
        StorageFullError: if there is no room for the shard that is written anew.
        CacheError: if the directory cannot be read or written.
    """
    path = plan.contents.layout.path
    with exclusive(path), explaining(path):
        layout = layouts.load(path)
        if layout is None:
            return
        now = Contents.of(layout, before)
        for leftover in now.leftovers:
            leftover.unlink(missing_ok=True)
        _remove_empty(layout.staging)
        for marker in now.empty(plan.going):
            markers.drop(layout, marker.shard)
        sparse = now.sparse(plan.going, plan.everything)
        _rewrite(Store(store_root, layout.spec), now, sparse, plan.going)
        if plan.vanishes and not any(layout.commits.iterdir()):
            _remove(layout)


def _rewrite(
    store: Store, contents: Contents, sparse: Sequence[Marker], unneeded: Set[str]
) -> None:
    """Write the rows that stay into new shards; an old one goes when all of its rows are there."""
    layout = contents.layout
    keys = [key for marker in sparse for key in contents.kept(marker, unneeded)]
    waiting = {marker.shard: set(contents.kept(marker, unneeded)) for marker in sparse}
    for first in range(0, len(keys), layout.rows_per_shard):
        some = keys[first : first + layout.rows_per_shard]
        add_shard(layout, some, store.read(some))
        for shard, missing in list(waiting.items()):
            missing.difference_update(some)
            if not missing:
                markers.drop(layout, shard)
                del waiting[shard]


def _remove_empty(folder: Path) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):  # it holds what is too young to go
            Path(parent).rmdir()


def _remove(layout: Layout) -> None:
    (layout.path / "zarr.json").unlink()
    shutil.rmtree(layout.path)
    with contextlib.suppress(OSError):  # other directories of the extractor
        layout.path.parent.rmdir()
