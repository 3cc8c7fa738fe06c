"""Computing rows again to see whether the cached ones are right.

Checksums show which bytes changed after they were written. Somebody who may write into the store
can change a row together with its checksum and the seal of its commit marker. Only a row that is
computed again from the recording shows that.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from mfsn.audio import decoding as audio
from mfsn.base.quantities import counted
from mfsn.doctor.digest_rows import DigestRows, corpus_folder, maker_of
from mfsn.errors import CacheError
from mfsn.features.base import reach_of
from mfsn.features.extraction.batches import RowMaker
from mfsn.features.extraction.extraction import pin_threads
from mfsn.features.extraction.items import Item, Items, items_of, transcripts_of
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.segments.waves import codes_of, cut, waveform_store
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.lock import exclusive
from mfsn.store.messages import WAVEFORM, explaining
from mfsn.store.store import Store
from mfsn.workspace import recording

Rows = Mapping[str, npt.NDArray[Any]]

_GROUP = 64
"""Segments or utterances in memory at a time."""
_WAVE_TOLERANCE = 1e-3
"""Another processor may round a sample to the next integer, which matters most in quiet waves."""


@dataclass(frozen=True)
class Recomputed:
    """The result of computing rows of a digest again."""

    named: DigestRows
    rows: int
    differing: tuple[str, ...]
    """Ids of the rows that differ from those in the store."""

    def sentence(self) -> str:
        """One line about it."""
        whose = f"{self.named.digest.store}: {counted(self.rows, 'row')} computed again"
        if not self.differing:
            return f"{whose}, all equal to the cached ones"
        return (
            f"{whose}, {len(self.differing)} of them differ (the first is {self.differing[0]}): "
            "their commit marker was forged, or the extractor changed without a new version"
        )


def recompute(store_root: Path, named: DigestRows, rows: int) -> Recomputed:
    """Compute some of the rows that a digest names again, chosen at random, and compare.

    Args:
        store_root: root of the feature cache.
        named: from `mfsn.doctor.digest_rows.digest_rows`.
        rows: how many; rows that the store lacks are not compared.

    Raises:
        CacheError: if the store cannot be read, or the extractor or the tables ask for other rows
            now.
        CorpusError, AudioError: for waves, if the corpus is not there.
        ConfigError, ModelLoadError: if the extractor cannot be made.
    """
    store = Store(store_root, named.digest.spec)
    committed = store.committed()
    there = sorted(name for name, key in named.digest.rows.items() if key in committed)
    chosen = sorted(random.SystemRandom().sample(there, min(rows, len(there))))
    shown = tqdm(total=len(chosen), desc=named.digest.extractor, unit="row", disable=None)
    again = _Again(named, store_root)
    differing = []
    with shown:
        for first in range(0, len(chosen), _GROUP):
            ids = chosen[first : first + _GROUP]
            cached = store.read([named.digest.rows[name] for name in ids])
            wrong = _differ(cached, again.rows(ids), again.tolerance)
            differing += [name for name, is_wrong in zip(ids, wrong, strict=True) if is_wrong]
            shown.update(len(ids))
    return Recomputed(named, len(chosen), tuple(differing))


def take_out(store_root: Path, recomputed: Recomputed) -> None:
    """Delete the shards with rows that differ, since their commit markers cannot be trusted.

    Raises:
        StoreBusyError: if another process is writing there.
        CacheError: if the store cannot be written.
    """
    digest = recomputed.named.digest
    store = Store(store_root, digest.spec)
    with exclusive(store.path), explaining(store.path):
        committed = store.committed()
        keys = [digest.rows[name] for name in recomputed.differing]
        shards = {committed[key].shard for key in keys if key in committed}
        for shard in shards:
            markers.drop(layouts.plan(store_root, digest.spec), shard)


class _Again:
    """Computes rows of a digest again."""

    def __init__(self, named: DigestRows, store_root: Path) -> None:
        self._named = named
        self._segments = read_table(named.outputs.segments, SEGMENTS)
        self._waves = waveform_store(named.segment, store_root)
        self._is_wave = named.digest.extractor == WAVEFORM
        if self._is_wave:
            manifest = read_table(named.outputs.manifest, UTTERANCES)
            self._path = dict(zip(manifest["utterance_id"], manifest["path"], strict=True))
            self._code = dict(zip(manifest["utterance_id"], codes_of(manifest), strict=True))
            self._folder = corpus_folder(named, manifest)
        else:
            self._extractor = maker_of(named)
            self._maker = RowMaker(self._extractor, self._waves, named.segment)
            self._place, self._items = self._all_items()
            pin_threads()

    @property
    def tolerance(self) -> float:
        """The largest allowed difference, relative to the largest value of the row."""
        return _WAVE_TOLERANCE if self._is_wave else self._extractor.tolerance

    def rows(self, ids: Sequence[str]) -> Rows:
        """Array name to rows in the order of `ids`."""
        if self._is_wave:
            return {"wave": np.stack([self._wave(name) for name in ids])}
        return self._maker.whole([self._item(name) for name in ids])[1]

    def _all_items(self) -> tuple[Mapping[str, int], Items]:
        """The place of each id among the rows that the tables ask for now, and these rows."""
        reach, named, said = reach_of(self._extractor), self._named, None
        if reach.scope == "text":
            said = transcripts_of(read_table(named.outputs.manifest, UTTERANCES))
        ids, items = items_of(self._segments, reach, named.segment, named.digest.spec, said)
        return {name: place for place, name in enumerate(ids)}, items

    def _item(self, name: str) -> Item:
        """The row of an id, as the digest names it."""
        place = self._place.get(name)
        if place is None or self._items.keys[place] != self._named.digest.rows[name]:
            raise CacheError(
                f"{self._named.path} names another row of {name} than the tables beside it, which "
                "changed since then; run `dvc repro`"
            )
        return self._items[place]

    def _wave(self, segment: str) -> npt.NDArray[Any]:
        utterance, _, index = segment.rpartition("#")
        path = recording(self._folder, self._path[utterance])
        wave = audio.load_wave(path, self._named.segment.sample_rate_hz)
        if wave.code != self._code[utterance]:
            raise CacheError(
                f"{path} is decoded in another way than when its row was made; run `dvc repro`, "
                "which computes new rows"
            )
        waves, _ = cut(wave.samples, self._named.segment)
        row: npt.NDArray[Any] = waves[int(index)]
        return row


def _differ(cached: Rows, computed: Rows, tolerance: float) -> list[bool]:
    """For each row whether it differs by more than the tolerance in any array."""
    wrong = [_differ_in(cached[name], rows, tolerance) for name, rows in computed.items()]
    return [any(row) for row in zip(*wrong, strict=True)]


def _differ_in(
    cached: npt.NDArray[Any], computed: npt.NDArray[Any], tolerance: float
) -> list[bool]:
    was, now = (rows.reshape(len(rows), -1).astype(np.float64) for rows in (cached, computed))
    wrong = np.abs(now - was).max(axis=1) > tolerance * np.abs(was).max(axis=1)
    return [bool(row) for row in wrong]
