"""Extraction: it computes the rows that are missing, and nothing else.

Every call of an extractor has a batch of the same shape and the same number of threads. Only then
are rows the same to the bit in whatever order they are computed, by whatever process, and after
whatever interruption. While the extractor computes, one thread reads waves ahead and another one
writes finished shards.
"""

from __future__ import annotations

import heapq
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn import runtime
from mfsn.base.progress import Progress
from mfsn.errors import ExtractorVersionError
from mfsn.features.base import AnyExtractor, reach_of, store_spec
from mfsn.features.extraction.batches import MissingRows, RowMaker
from mfsn.features.extraction.items import Items, Transcripts, items_of
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_recipe, waveform_store
from mfsn.store.digest import Digest
from mfsn.store.gc.compaction import put_together
from mfsn.store.store import Store

log = logging.getLogger(__name__)


class Engine(Protocol):
    """Computes rows and commits them."""

    def fill(self, missing: MissingRows) -> None:
        """Compute and commit rows."""


def extract(
    extractor: AnyExtractor,
    segments: pd.DataFrame,
    segment: SegmentConfig,
    store_root: Path,
    engine: Engine | None = None,
    *,
    transcripts: Transcripts | None = None,
) -> Digest:
    """Bring all rows of an extractor into the store; rows that are there are not computed again.

    A few rows that are there already are computed once more and compared. So a change of an
    extractor without a new version is noticed.

    Args:
        extractor: what to compute.
        segments: the segment table (`mfsn.manifest.SEGMENTS`), its waves in the store.
        segment: how the segments were cut.
        store_root: root of the feature cache.
        engine: computes the missing rows; this process by default.
        transcripts: of the utterances; only extractors of texts need them.

    Returns:
        The digest: which row belongs to which segment, or with scope `utterance` or `text` to
        which utterance.

    Raises:
        ExtractorVersionError: if a row computed now differs from the cached one by more than the
            extractor's tolerance.
        RangeError: if a value does not fit the storage dtype.
        ManifestError: if the extractor reads transcripts and an utterance has none.
        MissingRowError: if a wave is not in the store.
        DamagedRowError: if a wave or a compared row does not match its checksum.
        StoreBusyError: if another process writes to the same directory.
        CacheError: if the store cannot be read or written.
    """
    pin_threads()
    wanted = Wanted.of(extractor, segments, segment, store_root, transcripts)
    maker = RowMaker(extractor, waveform_store(segment, store_root), segment)
    missing = wanted.compare(maker)
    if missing:
        with wanted.store.writer(extractor.about) as writer:
            waiting = wanted.items.only(wanted.missing())  # again, now that nobody else writes
            with progress_of(extractor.name, len(waiting)) as bar:
                rest = MissingRows(writer, waiting, extractor.batch_rows, bar.update)
                (engine or maker).fill(rest)
    put_together(wanted.store)
    return wanted.digest(new=len(missing))


@dataclass(frozen=True, eq=False)
class Wanted:
    """The rows of one extractor that a segment table asks for; made by `of`."""

    extractor: AnyExtractor
    store: Store
    """Where they lie, or will lie."""
    ids: list[str]
    items: Items
    """In the order of the ids."""

    @classmethod
    def of(
        cls,
        extractor: AnyExtractor,
        segments: pd.DataFrame,
        segment: SegmentConfig,
        store_root: Path,
        transcripts: Transcripts | None = None,
    ) -> Wanted:
        """The rows that `extract` makes; arguments and errors as there."""
        spec = store_spec(extractor, segment_recipe(segment))
        ids, items = items_of(segments, reach_of(extractor), segment, spec, transcripts)
        return cls(extractor, Store(store_root, spec), ids, items)

    def missing(self) -> list[str]:
        """Keys of the rows that are not in the store at this moment."""
        return self.store.missing(self.items.keys)

    def compare(self, maker: RowMaker) -> list[str]:
        """Compute a batch of cached rows again and compare them; use of all of them is noted.

        Args:
            maker: runs the extractor.

        Returns:
            Keys of the rows that are missing.

        Raises:
            ExtractorVersionError: if a row differs by more than the extractor's tolerance.
        """
        missing = self.store.claim(self.items.keys)
        cached = set(self.items.keys).difference(missing)
        lowest = heapq.nsmallest(max(2, self.extractor.batch_rows), cached)
        for keys, rows in maker.batches(self.items.only(lowest)):
            for array, stored in self.store.read(keys).items():
                _compare(self.extractor, array, stored, rows[array])
        return missing

    def digest(self, new: int) -> Digest:
        """The digest, once all rows are there; it is logged how many of them are new."""
        rows = len(set(self.items.keys))
        name, about = self.extractor.name, self.extractor.about
        log.info("%s: %d rows, %d new, %d cached", name, rows, new, rows - new)
        return Digest.of(self.store.spec, about, dict(zip(self.ids, self.items.keys, strict=True)))


def progress_of(what: str, rows: int) -> Progress:
    """A progress bar over rows; without a terminal, a line per minute."""
    return Progress(total=rows, desc=what, unit="row")


def _compare(
    extractor: AnyExtractor, array: str, stored: npt.NDArray[Any], computed: npt.NDArray[Any]
) -> None:
    for was, now in zip(stored.astype(np.float64), computed.astype(np.float64), strict=True):
        if np.abs(now - was).max() > extractor.tolerance * np.abs(was).max():
            name, version = extractor.name, extractor.version
            raise ExtractorVersionError(
                f"{name}: array {array} computed now differs from the cached rows of version "
                f"{version} by more than the tolerance of {extractor.tolerance:g}; if {name} was "
                f"changed, raise its `version` to {version + 1}"
            )


def pin_threads() -> None:
    """Let torch compute with `runtime.threads()` threads, wherever rows are made."""
    # An extractor that computes with torch has imported it by now; others need not wait for it.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
