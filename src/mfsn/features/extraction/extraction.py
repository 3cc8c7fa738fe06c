"""Extraction: computes the rows that are missing, and nothing else.

Every call of an extractor has the same batch shape and number of threads, because only then are
rows bit-identical whatever the order, the kill or the worker. Waves are read ahead and shards are
written behind, each by a thread of its own, while the extractor computes.
"""

from __future__ import annotations

import heapq
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from mfsn import runtime
from mfsn.errors import ExtractorVersionError
from mfsn.features.base import Extractor, store_spec
from mfsn.features.extraction.batches import RowMaker
from mfsn.features.extraction.items import Item, Items, items_of
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_recipe, waveform_store
from mfsn.store.digest import Digest
from mfsn.store.store import Store
from mfsn.store.writer import Writer

log = logging.getLogger(__name__)


class Engine(Protocol):
    """Computes rows and commits them."""

    def fill(
        self,
        writer: Writer,
        items: Sequence[Item],
        batch_rows: int,
        progress: Callable[[int], object],
    ) -> None:
        """Compute and commit rows.

        Args:
            writer: of the store directory.
            items: the rows that are missing.
            batch_rows: rows a call of the extractor.
            progress: told how many more rows are done.
        """


def extract(
    extractor: Extractor,
    segments: pd.DataFrame,
    segment: SegmentConfig,
    store_root: Path,
    engine: Engine | None = None,
) -> Digest:
    """Bring all rows of an extractor into the store; rows that are there are not computed again.

    A few rows that are there already are computed once more and compared, so that a change of an
    extractor without a new version is noticed.

    Args:
        extractor: what to compute.
        segments: the segment table (`mfsn.manifest.SEGMENTS`), its waves in the store.
        segment: how the segments were cut.
        store_root: root of the feature cache.
        engine: computes the missing rows; this process by default.

    Returns:
        The digest: segment id (utterance id for extractors of that scope) to row key.

    Raises:
        ExtractorVersionError: if a row computed now differs from the cached one by more than the
            extractor's tolerance.
        RangeError: if a value does not fit the storage dtype.
        MissingRowError: if a wave is not in the store.
        DamagedRowError: if a wave or a compared row does not match its checksum.
        StoreBusyError: if another process writes to the same directory.
        CacheError: if the store cannot be read or written.
    """
    pin_threads()
    spec = store_spec(extractor, segment_recipe(segment))
    store = Store(store_root, spec)
    waves = waveform_store(segment, store_root)
    ids, items = items_of(segments, extractor.scope, segment, spec, waves.spec)
    maker = RowMaker(extractor, waves, segment)
    missing = store.missing(items.keys)
    cached = set(items.keys).difference(missing)
    lowest = heapq.nsmallest(max(2, extractor.batch_rows), cached)
    _check_version(extractor, maker, store, items.only(lowest))
    if missing:
        _fill(extractor, engine or maker, store, items)
    log.info("%s: %d rows, %d new, %d cached",
             extractor.name, len(missing) + len(cached), len(missing), len(cached))  # fmt: skip
    return Digest.of(spec, extractor.about, dict(zip(ids, items.keys, strict=True)))


def _fill(extractor: Extractor, engine: Engine, store: Store, items: Items) -> None:
    """Compute and commit the rows that are missing once nobody else writes."""
    with store.writer(extractor.about) as writer:
        waiting = items.only(store.missing(items.keys))
        bar = tqdm(total=len(waiting), desc=extractor.name, unit="row", disable=None)
        with bar as progress:
            engine.fill(writer, waiting, extractor.batch_rows, progress.update)


def _check_version(
    extractor: Extractor, maker: RowMaker, store: Store, cached: Sequence[Item]
) -> None:
    """Compute cached rows (a batch of them) again and compare."""
    for keys, rows in maker.batches(cached):
        for array, stored in store.read(keys).items():
            _compare(extractor, array, stored, rows[array])


def _compare(
    extractor: Extractor, array: str, stored: npt.NDArray[Any], computed: npt.NDArray[Any]
) -> None:
    for was, now in zip(stored.astype(np.float64), computed.astype(np.float64), strict=True):
        if np.abs(now - was).max() > extractor.tolerance * np.abs(was).max():
            name, version = extractor.name, extractor.version
            raise ExtractorVersionError(
                f"{name}: array {array} computed now differs from the cached rows of version "
                f"{version} beyond the tolerance of {extractor.tolerance:g}; if {name} "
                f"was changed, raise its `version` to {version + 1}"
            )


def pin_threads() -> None:
    """Let torch compute with `runtime.threads()` threads, wherever rows are made."""
    # An extractor that computes with torch has imported it by now; others need not wait for it.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
