"""Cached rows in memory, or in the store and read while the network computes: the same batches.

Rows stay in their storage dtype (float16 for encoders); a batch is a selection by index, made
float32 on the device. No Python runs per sample.

Shapes: N segments, B batch, T, S and M frames, D width, F bins, K coefficients.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from torch import Tensor

from mfsn.models.inputs import Features
from mfsn.runs.checkpoint import STATE
from mfsn.runs.parallel import Do
from mfsn.runs.unit import Unit
from mfsn.training.data.columns import Column, Selection, Stopwatch, StoredArray, take

BATCHES_AHEAD = 2
"""Batches that are read, each by a thread, while an earlier one is computed on."""

Request = tuple[Tensor, Collection[str] | None]
"""Indices of a batch's rows, and the SEC levels that will be read; None for all."""


@dataclass(frozen=True)
class Rows:
    """The cached rows of N segments: all on one device, or those of extractors in the store."""

    sec: Mapping[str, Column]
    """SEC level to [N, T, D], in the order of the levels; empty where the system reads none."""
    tec_NTD: Column | None
    spectrogram_NSF: Column
    utterance_max_N: Tensor
    mfcc_NMK: Column
    valid_N: Tensor
    device: str
    """Where batches go. Rows in memory are there too; beside rows in the store, tensors are on the
    CPU."""
    reading: Stopwatch = field(default_factory=Stopwatch, compare=False, repr=False)
    """The time for which the computation waited for rows."""

    @property
    def streams(self) -> bool:
        """Whether rows are read from the store while the network computes."""
        return isinstance(self.spectrogram_NSF, StoredArray)

    def features(self, rows_B: Tensor, levels: Collection[str] | None = None) -> Features:
        """A batch as float32.

        Args:
            rows_B: indices into the rows.
            levels: SEC levels that will be read; all by default.
        """
        return self._ready(self._select(self._located(rows_B), levels))

    def batches(self, requests: Iterable[Request]) -> Iterator[Features]:
        """The `features` of requests in their order; rows in the store are read ahead.

        Args:
            requests: looked at before the first batch is given.

        Raises:
            MissingRowError: if a row is gone from the store.
            DamagedRowError: if a row does not match its checksum.
        """
        located = [(self._located(rows_B), levels) for rows_B, levels in requests]
        selected = self._read_ahead(located) if self.streams else self._one_by_one(located)
        for batch in selected:
            with self.reading:
                ready = self._ready(batch)
            yield ready

    def select_spectrogram(self, rows_N: Tensor) -> tuple[Selection, Tensor, Tensor]:
        """Level, utterance's maximum and share of real audio of rows, in their storage dtype."""
        located = self._located(rows_N)
        levels = Selection(self.spectrogram_NSF, located, self.reading)
        return levels, self.utterance_max_N[located], self.valid_N[located]

    def _one_by_one(self, requests: Iterable[Request]) -> Iterator[Features]:
        for request in requests:
            with self.reading:
                selected = self._select(*request)
            yield selected

    def _read_ahead(self, requests: Iterable[Request]) -> Iterator[Features]:
        with ThreadPoolExecutor(BATCHES_AHEAD, "read-ahead") as pool:
            waiting: deque[Future[Features]] = deque()
            for request in requests:
                waiting.append(pool.submit(self._select, *request))
                if len(waiting) > BATCHES_AHEAD:
                    yield self._wait(waiting.popleft())
            while waiting:
                yield self._wait(waiting.popleft())

    def _wait(self, batch: Future[Features]) -> Features:
        with self.reading:
            return batch.result()

    def _located(self, rows_B: Tensor) -> Tensor:
        """Indices where the rows are."""
        return rows_B.to(self.valid_N.device)

    def _select(self, rows_B: Tensor, levels: Collection[str] | None) -> Features:
        """A batch in its storage dtype, where the rows are."""
        wanted = [level for level in self.sec if levels is None or level in levels]
        return Features(
            sec={level: take(self.sec[level], rows_B) for level in wanted},
            tec_BTD=None if self.tec_NTD is None else take(self.tec_NTD, rows_B),
            spectrogram_BSF=take(self.spectrogram_NSF, rows_B),
            utterance_max_B=take(self.utterance_max_N, rows_B),
            mfcc_BMK=take(self.mfcc_NMK, rows_B),
            valid_B=take(self.valid_N, rows_B),
        )

    def _ready(self, batch: Features) -> Features:
        """A batch as float32, on the device."""

        def bring(values: Tensor) -> Tensor:
            return values.to(self.device, non_blocking=True).float()

        return Features(
            sec={level: bring(values) for level, values in batch.sec.items()},
            tec_BTD=None if batch.tec_BTD is None else bring(batch.tec_BTD),
            spectrogram_BSF=bring(batch.spectrogram_BSF),
            utterance_max_B=bring(batch.utterance_max_B),
            mfcc_BMK=bring(batch.mfcc_BMK),
            valid_B=bring(batch.valid_B),
        )


def saying_share(do: Do, rows: Rows) -> Do:
    """Add to a unit's line how long it took, and the share of that spent waiting for `rows`.

    What an earlier run spent before it was stopped is not known, and so not counted.
    """

    def timed(unit: Unit) -> str:
        since = " since it went on" if any(unit.folder.rglob(STATE)) else ""
        started, read_before = time.perf_counter(), rows.reading.seconds
        line = do(unit)
        seconds, reading = time.perf_counter() - started, rows.reading.seconds - read_before
        share = f"{reading / seconds:.1%} of it reading features"
        return f"{line}; {seconds:.1f} s{since}, {share}"

    return timed
