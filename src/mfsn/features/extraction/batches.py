"""The extractor run over batches of one fixed shape.

Shapes: S segments, B rows of a batch, T samples of a wave.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float32, Int16, Int64
from mfsn.features.base import Extractor
from mfsn.features.extraction.items import Item
from mfsn.features.extraction.read_ahead import ahead
from mfsn.segments.config import SegmentConfig
from mfsn.segments.extractor_input import hear_segments, hear_utterance
from mfsn.store.store import Store
from mfsn.store.writer import Writer

Rows = dict[str, npt.NDArray[Any]]


class Batch(NamedTuple):
    """Waves for one call of an extractor."""

    keys: list[str]
    """Of its rows."""
    rows: slice | list[int]
    """Which of those that the extractor gives; the others fill the batch, or are not asked for."""
    waves_BT: Float32
    valid_B: Int64


class RowMaker:
    """Runs an extractor over batches of one fixed shape; the engine of this process.

    Args:
        extractor: what to compute.
        waves: where the waves are, from `mfsn.segments.waves.waveform_store`.
        segment: how they were cut.
    """

    def __init__(self, extractor: Extractor, waves: Store, segment: SegmentConfig) -> None:
        self._extractor = extractor
        self._waves = waves
        self._segment = segment

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
        with contextlib.closing(ahead(self._load, self._pieces(items))) as loaded:
            for batch in loaded:
                rows = self._extractor.extract(batch.waves_BT, batch.valid_B)
                yield batch.keys, {name: r[batch.rows] for name, r in rows.items()}

    def whole(self, items: Sequence[Item]) -> tuple[list[str], Rows]:
        """Keys and rows of at least one item, all at once; raises as `batches`."""
        keys, rows = zip(*self.batches(items), strict=True)
        joined = {name: np.concatenate([some[name] for some in rows]) for name in rows[0]}
        return [key for some in keys for key in some], joined

    def _pieces(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """The items of each call: a batch of segments, or neighbours from one utterance."""
        if self._extractor.scope == "segment":
            size = self._extractor.batch_rows
            yield from (items[first : first + size] for first in range(0, len(items), size))
        else:
            yield from (list(own) for _, own in groupby(items, lambda item: item.wave_keys))

    def _load(self, items: Sequence[Item]) -> Batch:
        keys = [item.key for item in items]
        if self._extractor.scope == "segment":
            return Batch(keys, slice(len(items)), *self._segments(items))
        stored = self._waves.read(list(items[0].wave_keys), ["wave"])["wave"]
        wave = hear_utterance(stored, np.array(items[0].valid_samples), self._segment)
        rows = [item.index for item in items]
        return Batch(keys, rows, wave[None], np.array([len(wave)]))

    def _segments(self, items: Sequence[Item]) -> tuple[Float32, Int64]:
        """Waves of segments; zeros behind them make the batch one of the fixed shape."""
        stored = self._waves.read([item.wave_keys[0] for item in items], ["wave"])["wave"]
        valid_S = np.array([item.valid_samples[0] for item in items], np.int64)
        waves, heard_S = hear_segments(stored, valid_S, self._before(items), self._segment)
        waves_BT = np.zeros((self._extractor.batch_rows, self._segment.samples), np.float32)
        waves_BT[: len(items)] = waves
        valid_B = np.full(len(waves_BT), self._segment.samples, np.int64)
        valid_B[: len(items)] = heard_S
        return waves_BT, valid_B

    def _before(self, items: Sequence[Item]) -> Int16:
        """The utterance's sample before each segment, 0 where none is heard."""
        led = {row: key for row, item in enumerate(items) if (key := item.before_key)}
        before_S = np.zeros(len(items), np.int16)
        if led:
            before_S[list(led)] = self._waves.read(list(led.values()), ["wave"])["wave"][:, -1]
        return before_S
