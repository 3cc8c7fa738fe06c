"""The extraction engine: computes the rows that are missing, and nothing else.

Every call of an extractor has the same batch shape and number of threads, because only then are
rows bit-identical whatever the order, the kill or the worker.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from mfsn import audio, runtime
from mfsn.cache.digest import Digest
from mfsn.cache.spec import StoreSpec
from mfsn.cache.store import Store
from mfsn.corpora.config import SegmentConfig
from mfsn.errors import ExtractorVersionError
from mfsn.features.base import Extractor, Float32, Int64, store_spec
from mfsn.features.waveform import join, segment_recipe, waveform_store

Rows = dict[str, npt.NDArray[Any]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Item:
    """One row to extract: a segment, or an utterance for extractors of that scope."""

    key: str
    wave_keys: tuple[str, ...]
    """Rows of its waves, one for a segment."""
    valid_samples: tuple[int, ...]


def extract(
    extractor: Extractor, segments: pd.DataFrame, segment: SegmentConfig, store_root: Path
) -> Digest:
    """Bring all rows of an extractor into the store; rows that are there are not computed again.

    A few rows that are there already are computed once more and compared, so that a change of an
    extractor without a new version is noticed.

    Args:
        extractor: what to compute.
        segments: the segment table (`mfsn.manifest.SEGMENTS`), its waves in the store.
        segment: how the segments were cut.
        store_root: root of the feature cache.

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
    _pin_threads()
    spec = store_spec(extractor, segment_recipe(segment))
    store = Store(store_root, spec)
    items = _items(extractor, segments, spec)
    once = list({item.key: item for item in items.values()}.values())
    engine = _Engine(extractor, waveform_store(segment, store_root), segment.samples)
    missing = set(store.missing([item.key for item in once]))
    engine.check_version(store, [item for item in once if item.key not in missing])
    if missing:
        engine.fill(store, once)
    log.info(
        "%s: %d rows, %d new, %d cached",
        extractor.name, len(once), len(missing), len(once) - len(missing),
    )  # fmt: skip
    return Digest.of(spec, extractor.about, {name: item.key for name, item in items.items()})


class _Engine:
    """Runs an extractor over batches of one fixed shape."""

    def __init__(self, extractor: Extractor, waves: Store, samples: int) -> None:
        self._extractor = extractor
        self._waves = waves
        self._samples = samples

    def fill(self, store: Store, items: Sequence[_Item]) -> None:
        """Compute and commit the rows that are missing once nobody else writes."""
        name = self._extractor.name
        with store.writer(self._extractor.about) as writer:
            missing = set(store.missing([item.key for item in items]))
            waiting = [item for item in items if item.key in missing]
            with tqdm(total=len(waiting), desc=name, unit="row", disable=None) as progress:
                for keys, rows in self._rows(waiting):
                    writer.append(keys, rows)
                    progress.update(len(keys))

    def check_version(self, store: Store, cached: Sequence[_Item]) -> None:
        """Compute some of the cached rows again (a batch; the lowest keys) and compare."""
        chosen = sorted(cached, key=lambda item: item.key)[: max(2, self._extractor.batch_rows)]
        for keys, rows in self._rows(chosen):
            for array, stored in store.read(keys).items():
                self._compare(array, stored, rows[array])

    def _rows(self, items: Sequence[_Item]) -> Iterator[tuple[list[str], Rows]]:
        size = self._extractor.batch_rows
        for first in range(0, len(items), size):
            batch = items[first : first + size]
            rows = self._extractor.extract(*self._load(batch))
            yield (
                [item.key for item in batch],
                {name: values[: len(batch)] for name, values in rows.items()},
            )

    def _load(self, batch: Sequence[_Item]) -> tuple[Float32, Int64]:
        keys = [key for item in batch for key in item.wave_keys]
        waves = self._waves.read(keys, ["wave"])["wave"]
        if self._extractor.scope == "utterance":
            wave = join(waves, batch[0].valid_samples)
            return wave[None], np.array([len(wave)])
        waves_BT = np.zeros((self._extractor.batch_rows, self._samples), np.float32)
        waves_BT[: len(batch)] = audio.to_float32(waves)
        valid_B = np.full(len(waves_BT), self._samples, np.int64)
        valid_B[: len(batch)] = [item.valid_samples[0] for item in batch]
        return waves_BT, valid_B

    def _compare(self, array: str, stored: npt.NDArray[Any], computed: npt.NDArray[Any]) -> None:
        for was, now in zip(stored.astype(np.float64), computed.astype(np.float64), strict=True):
            if np.abs(now - was).max() > self._extractor.tolerance * np.abs(was).max():
                name, version = self._extractor.name, self._extractor.version
                raise ExtractorVersionError(
                    f"{name}: array {array} computed now differs from the cached rows of version "
                    f"{version} beyond the tolerance of {self._extractor.tolerance:g}; if {name} "
                    f"was changed, raise its `version` to {version + 1}"
                )


def _items(extractor: Extractor, segments: pd.DataFrame, spec: StoreSpec) -> dict[str, _Item]:
    if extractor.scope == "segment":
        columns = ["segment_id", "audio_sha256", "start_sample", "row_key", "valid_samples"]
        return {
            name: _Item(spec.row_key(sha, int(start)), (wave,), (int(valid),))
            for name, sha, start, wave, valid in segments[columns].itertuples(index=False)
        }
    ordered = segments.sort_values(["utterance_id", "index"])
    return {
        str(name): _Item(
            spec.row_key(rows["audio_sha256"].iloc[0], 0),
            tuple(rows["row_key"]),
            tuple(rows["valid_samples"]),
        )
        for name, rows in ordered.groupby("utterance_id", sort=False)
    }


def _pin_threads() -> None:
    # An extractor that computes with torch has imported it by now; others need not wait for it.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
