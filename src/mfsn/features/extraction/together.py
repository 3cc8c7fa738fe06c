"""Extraction of several extractors whose rows come from one pass, such as `sec` and `tec`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mfsn.errors import StoreBusyError
from mfsn.features.base import Rows, Together
from mfsn.features.extraction.batches import RowMaker
from mfsn.features.extraction.extraction import Wanted, pin_threads, progress_of
from mfsn.features.extraction.items import Items
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store.digest import Digest
from mfsn.store.gc.compaction import put_together
from mfsn.store.writer import Writer


def extract_together(
    together: Together, segments: pd.DataFrame, segment: SegmentConfig, store_root: Path
) -> dict[str, Digest]:
    """Bring the rows of several extractors into the store, each pass giving the rows of all.

    Args:
        together: the extractors. The first one is asked for, the others are taken along: where
            another process is writing rows of one of them, this one is left to that process.
        segments: the segment table (`mfsn.manifest.SEGMENTS`), its waves in the store.
        segment: how the segments were cut.
        store_root: root of the feature cache.

    Returns:
        For each extractor that was not left out, its name and the digest of its rows.

    Raises:
        MfsnError: as `mfsn.features.extraction.extraction.extract`.
    """
    pin_threads()
    waves = waveform_store(segment, store_root)
    asked = [Wanted.of(each, segments, segment, store_root) for each in together.extractors]
    new = {each: len(each.compare(RowMaker(each.extractor, waves, segment))) for each in asked}
    if any(new.values()):
        asked = _fill(asked, RowMaker(together, waves, segment))
    for each in asked:
        put_together(each.store)
    return {each.extractor.name: each.digest(new[each]) for each in asked}


@dataclass(frozen=True)
class _Share:
    """One extractor's share of rows that are made together."""

    writer: Writer
    prefix: str
    """What the names of its arrays begin with."""
    key_of: Mapping[str, str]
    """Its row key for each row key of the first extractor."""

    def append(self, keys: Sequence[str], rows: Rows) -> None:
        """Write this extractor's arrays of the rows, under its own keys."""
        own = {
            name.removeprefix(self.prefix): values
            for name, values in rows.items()
            if name.startswith(self.prefix)
        }
        self.writer.append([self.key_of[key] for key in keys], own)


def _fill(asked: Sequence[Wanted], maker: RowMaker) -> list[Wanted]:
    """Compute what any of the stores lacks and commit it to all; those that were not busy."""
    first, *others = asked
    with ExitStack() as stack:
        shares = {first: _share(first, first, stack)}
        for other in others:
            with suppress(StoreBusyError):
                shares[other] = _share(other, first, stack)
        waiting = _lacking(list(shares))
        names = " and ".join(each.extractor.name for each in shares)
        bar = stack.enter_context(progress_of(names, len(waiting)))
        for keys, rows in maker.batches(waiting):
            for share in shares.values():
                share.append(keys, rows)
            bar.update(len(keys))
    return list(shares)


def _share(wanted: Wanted, first: Wanted, stack: ExitStack) -> _Share:
    # Nobody waits for a second lock while holding one: two processes could wait for each other.
    opened = wanted.store.writer(wanted.extractor.about, waits=wanted is first)
    writer = stack.enter_context(opened)
    key_of = dict(zip(first.items.keys, wanted.items.keys, strict=True))
    return _Share(writer, f"{wanted.extractor.name}/", key_of)


def _lacking(asked: Sequence[Wanted]) -> Items:
    """The rows that at least one of the stores lacks, as rows of the first extractor."""
    first = asked[0].items
    lacking: set[str] = set()
    for each in asked:
        missing = set(each.missing())
        pairs = zip(first.keys, each.items.keys, strict=True)
        lacking.update(key for key, own in pairs if own in missing)
    return first.only(lacking)
