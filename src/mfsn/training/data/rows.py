"""Cached rows in memory, or in the store and read while the network computes: the same batches.

Rows stay in their storage dtype (float16 for encoders). A batch is a selection by index, which
becomes float32 on the device. No Python runs per sample.

Shapes: N segments, B batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from torch import Tensor

from mfsn.models.inputs import Features, Source
from mfsn.runs.checkpoint import STATE
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do
from mfsn.training.data.columns import Column, Stopwatch, take

BATCHES_AHEAD = 2
"""How many batches are read, each by a thread, while the network computes on an earlier one."""

Request = tuple[Tensor, Collection[Source] | None]
"""Indices of a batch's rows, and the inputs that it must have; None for all."""


@dataclass(frozen=True)
class Rows:
    """The cached rows of N segments: all on one device, or the large ones in the store."""

    columns: Mapping[Source, Column]
    """Source to one row per segment."""
    lengths: Mapping[Source, Tensor]
    """Source to the number of positions that count in each row, int64, [N]; see `Features`."""
    device: str
    """Where batches go."""
    streams: bool = False
    """Whether rows are read from the store while the network computes. Then tensors and indices of
    rows are on the CPU; otherwise they are on the device."""
    reading: Stopwatch = field(default_factory=Stopwatch, compare=False, repr=False)
    """The time for which the computation waited for rows."""

    @property
    def home(self) -> str:
        """Where tensors and indices of rows are."""
        return "cpu" if self.streams else self.device

    def features(self, rows_B: Tensor, sources: Collection[Source] | None = None) -> Features:
        """A batch as float32, on the device.

        Args:
            rows_B: indices of the rows.
            sources: the inputs that it must have; all by default.
        """
        return self._ready(self._select(rows_B.to(self.home), sources))

    def batches(self, requests: Iterable[Request]) -> Iterator[Features]:
        """The `features` of requests in their order; rows in the store are read ahead.

        Args:
            requests: all of them are collected before the first batch is given.

        Raises:
            MissingRowError: if a row is gone from the store.
            DamagedRowError: if a row does not match its checksum.
        """
        located = [(rows_B.to(self.home), sources) for rows_B, sources in requests]
        selected = self._read_ahead(located) if self.streams else self._one_by_one(located)
        for batch in selected:
            with self.reading:
                ready = self._ready(batch)
            yield ready

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

    def _select(self, rows_B: Tensor, sources: Collection[Source] | None) -> Features:
        """A batch in its storage dtype, where the rows are."""
        wanted = self.columns if sources is None else sources
        return Features(
            {source: take(self.columns[source], rows_B) for source in wanted},
            {n: lengths_N[rows_B] for n, lengths_N in self.lengths.items() if n in wanted},
        )

    def _ready(self, batch: Features) -> Features:
        """A batch as float32, on the device."""
        arrays = {source: rows.float() for source, rows in self._moved(batch.arrays).items()}
        return Features(arrays, self._moved(batch.lengths))

    def _moved(self, tensors: Mapping[Source, Tensor]) -> dict[Source, Tensor]:
        return {n: values.to(self.device, non_blocking=True) for n, values in tensors.items()}


def saying_share(do: Do, rows: Rows) -> Do:
    """Add to a unit's line how long it took, and the share of time in which it waited for `rows`.

    The time of an earlier run that was stopped is not known, and does not count.
    """

    def timed(unit: Unit) -> str:
        """The line of a unit, with its times."""
        since = " since it went on" if any(unit.folder.rglob(STATE)) else ""
        started, read_before = time.perf_counter(), rows.reading.seconds
        line = do(unit)
        seconds, reading = time.perf_counter() - started, rows.reading.seconds - read_before
        share = f"{reading / seconds:.1%} of it reading features"
        return f"{line}; {seconds:.1f} s{since}, {share}"

    return timed
