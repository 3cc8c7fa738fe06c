"""Deleting shards of a store directory, and writing others anew: without some rows, or together.

It can be killed at any moment without losing a named row: the rows of a shard that is rewritten are
committed in a new shard before the old one is deleted.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from mfsn.errors import CacheError, StoreBusyError
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.gc.naming import Rank
from mfsn.store.gc.plan import DirectoryPlan, Shard, last_use, shards_of
from mfsn.store.layout import Layout
from mfsn.store.lock import exclusive
from mfsn.store.messages import explaining
from mfsn.store.store import Store
from mfsn.store.writer import add_shard, remove_leftovers

SMALL = 0.5
"""A shard is small if it has at most this share of the rows of a full one."""

log = logging.getLogger(__name__)


def carry_out(store_root: Path, plan: DirectoryPlan) -> None:
    """Do what is planned for a directory; shards that were used since the plan was made stay.

    Args:
        store_root: root of the feature cache.
        plan: what goes.

    Raises:
        StoreBusyError: if another process writes there.
        DamagedRowError: if a row of a shard to rewrite does not match its checksum.
        StorageFullError: if there is no room for the new shards.
        CacheError: if the directory cannot be read or written.
    """
    path = plan.layout.path
    with exclusive(path), explaining(path):
        layout = layouts.load(path)
        if layout is None:
            return
        remove_leftovers(layout)
        for shard in plan.shards:
            if shard.number in plan.deleted:
                _drop(layout, shard)
        rewritten = [s for s in plan.shards if s.number in plan.rewritten - plan.deleted]
        unused = [shard for shard in rewritten if _is_unused(layout, shard)]
        _rewrite(Store(store_root, layout.spec), layout, unused, _drop)
        if not any(layout.commits.iterdir()):
            _remove(layout)


def put_together(store: Store) -> None:
    """Write the rows of small shards into large ones, if there are at least two small ones.

    An extraction does so at its end, because it commits what it has every half minute. A reader of
    an old shard finds the rows in the new one. If it fails, all rows stay as they are.

    Args:
        store: the directory; it is left alone while another process writes to it.
    """
    if store.short_shards(SMALL) < 2:
        return
    try:
        with exclusive(store.path, waits=False), explaining(store.path):
            _put_together(store)
    except StoreBusyError:
        return
    except CacheError as error:
        log.warning("small shards stay as they are: %s", error)


def _put_together(store: Store) -> None:
    layout = layouts.load(store.path)
    if layout is None:
        return
    remove_leftovers(layout)
    shards = shards_of(layout, dict.fromkeys(store.committed(), Rank.NOTHING))
    small = [shard for shard in shards if len(shard.named) <= SMALL * layout.rows_per_shard]
    _rewrite(store, layout, small, lambda layout, shard: markers.drop(layout, shard.number))


def _rewrite(
    store: Store, layout: Layout, chosen: Sequence[Shard], drop: Callable[[Layout, Shard], None]
) -> None:
    """Write named rows into new shards; an old shard goes as soon as all of its rows are there."""
    keys = [key for shard in chosen for key in shard.named]
    waiting = {shard: set(shard.named) for shard in chosen}
    for first in range(0, len(keys), layout.rows_per_shard):
        some = keys[first : first + layout.rows_per_shard]
        add_shard(layout, some, store.read(some))
        for shard, missing in list(waiting.items()):
            missing.difference_update(some)
            if not missing:
                drop(layout, shard)
                del waiting[shard]


def _drop(layout: Layout, shard: Shard) -> None:
    """Delete a shard, unless somebody used it since the plan was made."""
    if _is_unused(layout, shard):
        markers.drop(layout, shard.number)


def _is_unused(layout: Layout, shard: Shard) -> bool:
    return last_use(layout, shard.number) == shard.used


def _remove(layout: Layout) -> None:
    (layout.path / "zarr.json").unlink()
    shutil.rmtree(layout.path)
    with contextlib.suppress(OSError):  # the extractor has other directories
        layout.path.parent.rmdir()
