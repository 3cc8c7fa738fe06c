"""Estimate what a run will cost: missing rows, their bytes, memory, and measured time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from mfsn import runtime
from mfsn.audio import decoding as audio
from mfsn.base.arrays import Float32, Int64
from mfsn.doctor.size import Size
from mfsn.doctor.wanted import extractor_of, spec_of
from mfsn.errors import AudioError
from mfsn.features.base import AnyExtractor, Reach, Rows, reach_of
from mfsn.features.extraction.items import items_of
from mfsn.params import Params
from mfsn.segments.waves import waveform_store
from mfsn.store.layout import row_bytes
from mfsn.store.shard import CHECKSUM_BYTES
from mfsn.store.spec import StoreSpec
from mfsn.store.store import Store
from mfsn.training.system import Sizes, get_system


@dataclass(frozen=True)
class Work:
    """The rows of one extractor, or the waves: how many there are and how many are missing."""

    spec: StoreSpec
    rows: int
    there: int
    """How many of the rows are in the store."""
    seconds_per_row: float | None
    """Measured on this machine; None if it could not be measured."""

    @property
    def row_bytes(self) -> int:
        """The bytes that one row needs in the store."""
        return sum(row_bytes(array) + CHECKSUM_BYTES for array in self.spec.arrays)

    @property
    def bytes(self) -> int:
        """The bytes that will be written."""
        return (self.rows - self.there) * self.row_bytes

    @property
    def seconds(self) -> float | None:
        """How long it takes to compute the missing rows; None if it could not be measured."""
        if self.rows == self.there:
            return 0.0
        return (
            None
            if self.seconds_per_row is None
            else self.seconds_per_row * (self.rows - self.there)
        )


def waves_work(params: Params, size: Size, store_root: Path) -> Work:
    """Estimate decoding and cutting of the recordings whose waves are missing."""
    spec = waveform_store(params.segment, store_root).spec
    seconds = _decoding(size, params) if size.example else None
    there = _there(spec, Reach("segment", "segment"), params, size, store_root)
    return Work(spec, size.segments, there, seconds)


def extractor_work(name: str, params: Params, size: Size, store_root: Path) -> Work:
    """Estimate extraction of missing rows; a few batches are extracted to measure time.

    They are batches of noise, or of the corpus's transcripts.

    Raises:
        ConfigError: if the extractor's parameters contradict each other or the segment.
        ManifestError: if the extractor reads transcripts and an utterance has none.
        ModelLoadError: if its encoder cannot be loaded.
        RangeError: if a transcript is too long for the extractor.
    """
    extractor = extractor_of(name, params)
    spec = spec_of(extractor, params)
    rows = size.segments if extractor.scope == "segment" else size.utterances
    there = _there(spec, reach_of(extractor), params, size, store_root)
    seconds = _extracting(extractor, params, size) if there < rows else 0.0
    return Work(spec, rows, there, seconds)


def sizes_of(params: Params, works: Sequence[Work], utterances: int) -> Sizes:
    """What the chosen system reads in training, without extractors that are missing."""
    system = get_system(params.system)
    read = {w.spec.extractor: w for w in works if w.spec.extractor in system.reads}
    return Sizes(
        arrays={name: system.chosen(name, work.spec.arrays) for name, work in read.items()},
        rows={name: work.rows for name, work in read.items()},
        utterances=utterances,
    )


def _there(spec: StoreSpec, reach: Reach, params: Params, size: Size, store_root: Path) -> int:
    """How many rows need not be computed; rows with the same key are computed once."""
    if size.table is None:
        return 0
    _, items = items_of(size.table, reach, params.segment, spec, size.transcripts)
    return len(items) - len(Store(store_root, spec).missing(sorted(set(items.keys))))


def _decoding(size: Size, params: Params) -> float | None:
    assert size.example is not None
    start = time.perf_counter()
    try:
        wave = audio.load(size.example, params.segment.sample_rate_hz)
    except AudioError:  # `mfsn corpus check` reports the file
        return None
    audio.to_int16(wave)
    heard_s = len(wave) / params.segment.sample_rate_hz
    taken = (time.perf_counter() - start) / heard_s
    return taken * size.duration_s / max(size.segments, 1)


def _extracting(extractor: AnyExtractor, params: Params, size: Size) -> float | None:
    """Seconds per row: the faster of two batches, after a first one to warm up.

    None for transcripts that are not known yet.
    """
    of_text = extractor.scope == "text"
    if of_text and not size.transcripts:
        return None
    inputs = _texts(extractor, size) if of_text else _noise(extractor, params, size)
    extract_batch: Callable[..., Rows] = extractor.extract
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        rows = extract_batch(*inputs)
        taken.append((time.perf_counter() - start) / len(next(iter(rows.values()))))
    return min(taken[1:])


def _texts(extractor: AnyExtractor, size: Size) -> tuple[list[str]]:
    texts = cycle((size.transcripts or {}).values())
    return (list(islice(texts, extractor.batch_rows)),)


def _noise(extractor: AnyExtractor, params: Params, size: Size) -> tuple[Float32, Int64]:
    samples = params.segment.samples
    if extractor.context == "utterance":
        samples = round(size.duration_s / max(size.utterances, 1) * params.segment.sample_rate_hz)
    noise = np.random.default_rng(0).normal(0, 0.1, (extractor.batch_rows, max(samples, 1)))
    waves_BT = noise.astype(np.float32)
    return waves_BT, np.full(extractor.batch_rows, waves_BT.shape[1], np.int64)
