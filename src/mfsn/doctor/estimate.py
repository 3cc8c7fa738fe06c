"""What a run will write, hold and take: rows that are missing, their bytes, and measured time."""

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
    """What is left to do for one extractor, or for the waves."""

    spec: StoreSpec
    rows: int
    there: int
    """Rows that are in the store."""
    seconds_a_row: float | None
    """Measured on this machine; None where nothing could be measured."""

    @property
    def row_bytes(self) -> int:
        """Bytes that a row takes in the store."""
        return sum(row_bytes(array) + CHECKSUM_BYTES for array in self.spec.arrays)

    @property
    def bytes(self) -> int:
        """Bytes that will be written."""
        return (self.rows - self.there) * self.row_bytes

    @property
    def seconds(self) -> float | None:
        """How long the missing rows will take."""
        if self.rows == self.there:
            return 0.0
        return None if self.seconds_a_row is None else self.seconds_a_row * (self.rows - self.there)


def waves_work(params: Params, size: Size, store_root: Path) -> Work:
    """Decoding and cutting what is not there yet."""
    spec = waveform_store(params.segment, store_root).spec
    seconds = _decoding(size, params) if size.example else None
    return Work(spec, size.segments, _there(spec, size, store_root, "segment"), seconds)


def extractor_work(name: str, params: Params, size: Size, store_root: Path) -> Work:
    """Extracting what is not there yet; a few batches of noise are extracted to measure it.

    Raises:
        ConfigError: if the extractor's parameters contradict each other or the segment.
        ModelLoadError: if its encoder cannot be loaded.
    """
    extractor = extractor_of(name, params)
    spec = spec_of(extractor, params)
    rows = size.utterances if extractor.scope == "utterance" else size.segments
    there = _there(spec, size, store_root, extractor.scope)
    seconds = _extracting(extractor, params, size) if there < rows else 0.0
    return Work(spec, rows, there, seconds)


def sizes_of(params: Params, works: Sequence[Work], utterances: int) -> Sizes:
    """What the system of params.yaml reads in training, as far as its extractors are known."""
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
    except AudioError:  # `mfsn corpus check` names it
        return None
    audio.to_int16(wave)
    heard_s = len(wave) / params.segment.sample_rate_hz
    taken = (time.perf_counter() - start) / heard_s
    return taken * size.duration_s / max(size.segments, 1)


def _extracting(extractor: Extractor, params: Params, size: Size) -> float:
    """Seconds a row, from the faster of two batches after one that warms up."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(runtime.threads())
    samples = params.segment.samples
    if extractor.scope != "segment":
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
