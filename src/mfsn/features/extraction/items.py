"""The rows of an extraction: in columns, since of hundreds of thousands a few are at work."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.arrays import Int64
from mfsn.features.base import Scope
from mfsn.segments.config import SegmentConfig
from mfsn.store.spec import StoreSpec


@dataclass(frozen=True)
class Item:
    """One row to extract: of a segment, or of an utterance for extractors of that scope."""

    key: str
    wave_keys: tuple[str, ...]
    """Rows of the waves that are heard: the segment's own, or all of its utterance."""
    valid_samples: tuple[int, ...]
    """Of each of them."""
    before_key: str | None = None
    """Row of the wave before the segment's own, if its last sample is heard too."""
    index: int = 0
    """Which of the rows that the extractor gives of these waves, where it hears utterances."""


@dataclass(frozen=True, eq=False)
class Items(Sequence[Item]):
    """Rows to extract; an `Item` is made when it is asked for. A slice gives a list of them."""

    keys: Sequence[str]
    """Of all rows, those that are left out included."""
    waves: npt.NDArray[np.bytes_]
    """Row key of the wave of each line of a segment table."""
    valid: Int64
    """Samples of real audio in each."""
    heard: Int64
    """(rows, 2): the first line that a row hears, and the one behind the last."""
    part: Int64
    """`Item.index` of each row."""
    before: Mapping[int, str]
    """Row number to `Item.before_key`, where there is one."""
    chosen: Int64
    """Numbers of the rows that are not left out."""

    def only(self, keys: Collection[str]) -> Items:
        """The rows of these keys, each once."""
        left, chosen = set(keys), []
        for row in self.chosen.tolist():
            if (key := self.keys[row]) in left:
                left.discard(key)
                chosen.append(row)
        return replace(self, chosen=np.array(chosen, np.int64))

    def __len__(self) -> int:
        return len(self.chosen)

    @overload
    def __getitem__(self, which: int) -> Item: ...

    @overload
    def __getitem__(self, which: slice) -> list[Item]: ...

    def __getitem__(self, which: int | slice) -> Item | list[Item]:
        if isinstance(which, slice):
            return [self._item(row) for row in self.chosen[which].tolist()]
        return self._item(int(self.chosen[which]))

    def _item(self, row: int) -> Item:
        lines = slice(*self.heard[row])
        return Item(
            key=self.keys[row],
            wave_keys=tuple(key.decode() for key in self.waves[lines].tolist()),
            valid_samples=tuple(self.valid[lines].tolist()),
            before_key=self.before.get(row),
            index=int(self.part[row]),
        )


def items_of(
    segments: pd.DataFrame,
    scope: Scope,
    segment: SegmentConfig,
    spec: StoreSpec,
    waves: StoreSpec,
) -> tuple[list[str], Items]:
    """Ids and rows: of the segments, or of the utterances for extractors of that scope.

    Args:
        segments: the segment table (`mfsn.manifest.SEGMENTS`).
        scope: of the extractor.
        segment: how the segments were cut.
        spec: the identity of the extractor's rows.
        waves: that of the waves.
    """
    table, heard, line = _heard(segments, scope)
    named = table.iloc[line].assign(start_sample=0) if scope == "utterance" else table
    is_led = scope == "segment" and segment.reading == "as_published"
    items = Items(
        keys=[spec.row_key(*place) for place in _places(named)],
        waves=np.array([key.encode() for key in table["row_key"]], np.bytes_),
        valid=table["valid_samples"].to_numpy(np.int64),
        heard=heard,
        part=line - heard[:, 0],
        before=_before(named, segment, waves) if is_led else {},
        chosen=np.arange(len(named)),
    )
    return named["utterance_id" if scope == "utterance" else "segment_id"].tolist(), items


def _heard(segments: pd.DataFrame, scope: Scope) -> tuple[pd.DataFrame, Int64, Int64]:
    """The table in order, the lines of it that each row hears, and the line that names it."""
    own = np.arange(len(segments))
    if scope == "segment":
        return segments, np.stack([own, own + 1], axis=1), own
    table = segments.sort_values(["utterance_id", "index"])
    names = table["utterance_id"]
    starts = np.flatnonzero((names != names.shift()).to_numpy(bool))
    whole = np.stack([starts, np.append(starts, len(table))[1:]], axis=1)
    if scope == "utterance":
        return table, whole, starts
    return table, np.repeat(whole, whole[:, 1] - whole[:, 0], axis=0), own


def _places(table: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Audio and first sample of each line, one at a time."""
    return zip(table["audio_sha256"], table["start_sample"].tolist(), strict=True)


def _before(table: pd.DataFrame, segment: SegmentConfig, waves: StoreSpec) -> dict[int, str]:
    return {
        row: waves.row_key(sha, start - segment.samples)
        for row, (sha, start) in enumerate(_places(table))
        if start > 0
    }
