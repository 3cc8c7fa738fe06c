"""Extraction: computes the rows that are missing, and nothing else.

Every call of an extractor has the same batch shape and number of threads, because only then are
rows bit-identical whatever the order, the kill or the worker. Waves are read ahead and shards are
written behind, each by a thread of its own, while the extractor computes.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from mfsn import audio, runtime
from mfsn.cache.digest import Digest
from mfsn.cache.spec import StoreSpec
from mfsn.cache.store import Store
from mfsn.cache.writer import Writer
from mfsn.corpora.config import SegmentConfig
from mfsn.errors import ExtractorVersionError
from mfsn.features.ahead import ahead
from mfsn.features.base import Extractor, Float32, Int64, store_spec
from mfsn.features.waveform import join, segment_recipe, waveform_store

Rows = dict[str, npt.NDArray[Any]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """One row to extract: a segment, or an utterance for extractors of that scope."""

    key: str
    wave_keys: tuple[str, ...]
    """Rows of its waves, one for a segment."""
    valid_samples: tuple[int, ...]


class Batch(NamedTuple):
    """Waves for one call of an extractor."""

    keys: list[str]
    """Of its rows; the waves behind them only fill the batch."""
    waves_BT: Float32
    valid_B: Int64


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
    items = _items(extractor, segments, spec)
    once = list({item.key: item for item in items.values()}.values())
    maker = RowMaker(extractor, waveform_store(segment, store_root), segment.samples)
    missing = set(store.missing([item.key for item in once]))
    _check_version(extractor, maker, store, [item for item in once if item.key not in missing])
    if missing:
        _fill(extractor, engine or maker, store, once)
    log.info(
        "%s: %d rows, %d new, %d cached",
        extractor.name, len(once), len(missing), len(once) - len(missing),
    )  # fmt: skip
    return Digest.of(spec, extractor.about, {name: item.key for name, item in items.items()})


class RowMaker:
    """Runs an extractor over batches of one fixed shape; the engine of this process.

    Args:
        extractor: what to compute.
        waves: where the waves are, from `mfsn.features.waveform.waveform_store`.
        samples: length of a segment.
    """

    def __init__(self, extractor: Extractor, waves: Store, samples: int) -> None:
        self._extractor = extractor
        self._waves = waves
        self._samples = samples

    def fill(
        self,
        writer: Writer,
        items: Sequence[Item],
        batch_rows: int,  # noqa: ARG002 (the extractor's)
        progress: Callable[[int], object],
    ) -> None:
        """Compute and commit rows; see `Engine.fill`."""
        for keys, rows in self.batches(items):
            writer.append(keys, rows)
            progress(len(keys))

    def batches(self, items: Sequence[Item]) -> Iterator[tuple[list[str], Rows]]:
        """Keys and rows of the items, some at a time; the waves of the next ones are read ahead.

        Raises:
            RangeError: if a value does not fit the storage dtype.
            MissingRowError: if a wave is not in the store.
            DamagedRowError: if a wave does not match its checksum.
        """
        size = self._extractor.batch_rows
        pieces = (items[first : first + size] for first in range(0, len(items), size))
        with contextlib.closing(ahead(self._load, pieces)) as loaded:
            for batch in loaded:
                rows = self._extractor.extract(batch.waves_BT, batch.valid_B)
                yield batch.keys, {name: r[: len(batch.keys)] for name, r in rows.items()}

    def whole(self, items: Sequence[Item]) -> tuple[list[str], Rows]:
        """Keys and rows of at least one item, all at once; raises as `batches`."""
        keys, rows = zip(*self.batches(items), strict=True)
        joined = {name: np.concatenate([some[name] for some in rows]) for name in rows[0]}
        return [key for some in keys for key in some], joined

    def _load(self, items: Sequence[Item]) -> Batch:
        keys = [key for item in items for key in item.wave_keys]
        waves = self._waves.read(keys, ["wave"])["wave"]
        own = [item.key for item in items]
        if self._extractor.scope == "utterance":
            wave = join(waves, items[0].valid_samples)
            return Batch(own, wave[None], np.array([len(wave)]))
        waves_BT = np.zeros((self._extractor.batch_rows, self._samples), np.float32)
        waves_BT[: len(items)] = audio.to_float32(waves)
        valid_B = np.full(len(waves_BT), self._samples, np.int64)
        valid_B[: len(items)] = [item.valid_samples[0] for item in items]
        return Batch(own, waves_BT, valid_B)


def _fill(extractor: Extractor, engine: Engine, store: Store, items: Sequence[Item]) -> None:
    """Compute and commit the rows that are missing once nobody else writes."""
    with store.writer(extractor.about) as writer:
        missing = set(store.missing([item.key for item in items]))
        waiting = [item for item in items if item.key in missing]
        bar = tqdm(total=len(waiting), desc=extractor.name, unit="row", disable=None)
        with bar as progress:
            engine.fill(writer, waiting, extractor.batch_rows, progress.update)


def _check_version(
    extractor: Extractor, maker: RowMaker, store: Store, cached: Sequence[Item]
) -> None:
    """Compute some of the cached rows again (a batch; the lowest keys) and compare."""
    chosen = sorted(cached, key=lambda item: item.key)[: max(2, extractor.batch_rows)]
    for keys, rows in maker.batches(chosen):
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


def _items(extractor: Extractor, segments: pd.DataFrame, spec: StoreSpec) -> dict[str, Item]:
    if extractor.scope == "segment":
        columns = ["segment_id", "audio_sha256", "start_sample", "row_key", "valid_samples"]
        return {
            name: Item(spec.row_key(sha, int(start)), (wave,), (int(valid),))
            for name, sha, start, wave, valid in segments[columns].itertuples(index=False)
        }
    columns = ["utterance_id", "audio_sha256", "row_key", "valid_samples"]
    whole: dict[str, tuple[str, list[str], list[int]]] = {}
    ordered = segments.sort_values(["utterance_id", "index"])
    for name, sha, wave, valid in ordered[columns].itertuples(index=False):
        _, waves, samples = whole.setdefault(name, (sha, [], []))
        waves.append(wave)
        samples.append(int(valid))
    return {
        name: Item(spec.row_key(sha, 0), tuple(waves), tuple(samples))
        for name, (sha, waves, samples) in whole.items()
    }


def pin_threads() -> None:
    """Let torch compute with `runtime.threads()` threads, wherever rows are made."""
    # An extractor that computes with torch has imported it by now; others need not wait for it.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
