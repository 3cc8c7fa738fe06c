"""Estimate what a run will cost: missing rows, their bytes, memory, and measured time."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfsn import runtime
from mfsn.audio import decoding as audio
from mfsn.doctor.size import Size
from mfsn.doctor.wanted import extractor_of, spec_of
from mfsn.errors import AudioError
from mfsn.features.base import Extractor, Scope
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
    return Work(spec, size.segments, _there(spec, size, store_root, "segment"), seconds)


def extractor_work(name: str, params: Params, size: Size, store_root: Path) -> Work:
    """Estimate extraction of missing rows; a few batches of noise are extracted to measure time.

    Raises:
        ConfigError: if the extractor's parameters contradict each other or the segment.
        ModelLoadError: if its encoder cannot be loaded.
    """
    extractor = extractor_of(name, params)
    spec = spec_of(extractor, params)
    rows = size.segments if extractor.scope == "segment" else size.utterances
    there = _there(spec, size, store_root, extractor.scope)
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


def _there(spec: StoreSpec, size: Size, store_root: Path, scope: Scope) -> int:
    if size.table is None:
        return 0
    table = size.table[size.table["index"] == 0] if scope == "utterance" else size.table
    columns = table[["audio_sha256", "start_sample"]].itertuples(index=False, name=None)
    keys = {spec.row_key(sha, int(start)) for sha, start in columns}
    return len(table) - len(Store(store_root, spec).missing(sorted(keys)))


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


def _extracting(extractor: Extractor, params: Params, size: Size) -> float:
    """Seconds per row: the faster of two batches, after a first one to warm up."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
    samples = params.segment.samples
    if extractor.context == "utterance":
        samples = round(size.duration_s / max(size.utterances, 1) * params.segment.sample_rate_hz)
    noise = np.random.default_rng(0).normal(0, 0.1, (extractor.batch_rows, max(samples, 1)))
    waves_BT = noise.astype(np.float32)
    valid_B = np.full(extractor.batch_rows, waves_BT.shape[1])
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        rows = extractor.extract(waves_BT, valid_B)
        taken.append((time.perf_counter() - start) / len(next(iter(rows.values()))))
    return min(taken[1:])
