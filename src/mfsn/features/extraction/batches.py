"""An extractor run over batches, all of the same shape.

Shapes: S segments, B rows of a batch, T samples of a wave.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float32, Int16, Int64
from mfsn.features.base import Hearing, Rows, TextExtractor
from mfsn.features.extraction.items import Item
from mfsn.features.extraction.read_ahead import ahead
from mfsn.segments.config import SegmentConfig
from mfsn.segments.extractor_input import hear_segments, hear_utterance
from mfsn.store.writer import Writer


class Waves(Protocol):
    """Where waves are read from: a `Store`, or recordings in memory."""

    def read(self, keys: Sequence[str], arrays: Sequence[str]) -> Mapping[str, npt.NDArray[Any]]:
        """The rows of the array `wave`, (len(keys), samples of a segment) int16."""


class Batch(NamedTuple):
    """What one call of an extractor is given."""

    keys: list[str]
    """Of the rows that are asked for."""
    rows: slice | list[int]
    """Where these rows are among those that the extractor gives."""
    inputs: tuple[Any, ...]
    """The arguments of `extract`."""


class MissingRows(NamedTuple):
    """What an engine is asked to compute and commit."""

    writer: Writer
    """Of the store directory, which this process holds."""
    items: Sequence[Item]
    """The rows that are missing."""
    batch_rows: int
    """Rows per call of the extractor."""
    progress: Callable[[int], object]
    """Told how many more rows are done."""


class RowMaker:
    """Runs an extractor over batches of one shape; the engine of this process.

    Args:
        extractor: what to compute.
        waves: where the waves are.
        segment: how they were cut.
    """

    def __init__(
        self, extractor: Hearing | TextExtractor, waves: Waves, segment: SegmentConfig
    ) -> None:
        self._extractor = extractor
        self._waves = waves
        self._segment = segment
        self._load = {
            "segment": self._load_segments,
            "utterance": self._load_utterance,
            "text": self._load_texts,
        }[extractor.context]

    def fill(self, missing: MissingRows) -> None:
        """Compute and commit rows."""
        for keys, rows in self.batches(missing.items):
            missing.writer.append(keys, rows)
            missing.progress(len(keys))

    def batches(self, items: Sequence[Item]) -> Generator[tuple[list[str], Rows], None, None]:
        """Keys and rows of the items, batch by batch; the waves of the next ones are read ahead.

        Raises:
            RangeError: if a value does not fit the storage dtype.
            MissingRowError: if a wave is not in the store.
            DamagedRowError: if a wave does not match its checksum.
        """
        compute: Callable[..., Rows] = self._extractor.extract
        with contextlib.closing(ahead(self._load, self._calls(items))) as loaded:
            for batch in loaded:
                rows = compute(*batch.inputs)
                yield batch.keys, {name: made[batch.rows] for name, made in rows.items()}

    def whole(self, items: Sequence[Item]) -> tuple[list[str], Rows]:
        """Keys and rows of at least one item, all at once; raises as `batches`."""
        return _joined(list(self.batches(items)))

    def within(
        self, items: Sequence[Item], seconds: float, stopped: Callable[[], bool]
    ) -> tuple[list[str], Rows] | None:
        """Keys and rows of the first items: as many batches as are begun within a time.

        Args:
            items: at least one.
            seconds: the time; one batch is computed in any case.
            stopped: whether no further batch is wanted; asked before each.

        Returns:
            None if not even the first batch was wanted. Raises as `batches`.
        """
        made: list[tuple[list[str], Rows]] = []
        end = time.monotonic() + seconds
        with contextlib.closing(self.batches(items)) as batches:
            while not stopped() and (batch := next(batches, None)):
                made.append(batch)
                if time.monotonic() >= end:
                    break
        return _joined(made) if made else None

    def _calls(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """The items of each call: those of one utterance that stand together, or a full batch."""
        if self._extractor.context == "utterance":
            yield from (list(own) for _, own in groupby(items, lambda item: item.wave_keys))
        else:
            size = self._extractor.batch_rows
            yield from (items[first : first + size] for first in range(0, len(items), size))

    def _load_texts(self, items: Sequence[Item]) -> Batch:
        texts = [item.text for item in items]
        texts += [""] * (self._extractor.batch_rows - len(items))
        return Batch([item.key for item in items], slice(len(items)), (texts,))

    def _load_utterance(self, items: Sequence[Item]) -> Batch:
        stored = self._read(items[0].wave_keys)
        wave = hear_utterance(stored, np.array(items[0].valid_samples), self._segment)
        inputs = wave[None], np.array([len(wave)])
        return Batch([item.key for item in items], [item.index for item in items], inputs)

    def _load_segments(self, items: Sequence[Item]) -> Batch:
        """Waves of segments; zeros after them give the batch its fixed shape."""
        stored = self._read([item.wave_keys[0] for item in items])
        valid_S = np.array([item.valid_samples[0] for item in items], np.int64)
        waves, heard_S = hear_segments(stored, valid_S, self._before(items), self._segment)
        waves_BT = np.zeros((self._extractor.batch_rows, self._segment.samples), np.float32)
        waves_BT[: len(items)] = waves
        valid_B = np.full(len(waves_BT), self._segment.samples, np.int64)
        valid_B[: len(items)] = heard_S
        inputs: tuple[Float32, Int64] = waves_BT, valid_B
        return Batch([item.key for item in items], slice(len(items)), inputs)

    def _before(self, items: Sequence[Item]) -> Int16:
        """The utterance's sample before each segment, 0 where none is heard."""
        led = {row: key for row, item in enumerate(items) if (key := item.before_key)}
        before_S = np.zeros(len(items), np.int16)
        if led:
            before_S[list(led)] = self._read(list(led.values()))[:, -1]
        return before_S

    def _read(self, keys: Sequence[str]) -> Int16:
        return self._waves.read(list(keys), ["wave"])["wave"]


def _joined(batches: Sequence[tuple[list[str], Rows]]) -> tuple[list[str], Rows]:
    keys, rows = zip(*batches, strict=True)
    joined = {name: np.concatenate([some[name] for some in rows]) for name in rows[0]}
    return [key for some in keys for key in some], joined
