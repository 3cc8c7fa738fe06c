"""The rows that an extraction makes.

There may be hundreds of thousands of them, so they are kept in columns. An `Item` is made for a row
only when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.arrays import Int64
from mfsn.errors import ConfigError, ManifestError
from mfsn.features.base import Reach
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import wave_spec
from mfsn.store.spec import StoreSpec

Transcripts = Mapping[str, str]
"""Utterance id to what is said in it; empty where that is not known."""


@dataclass(frozen=True)
class Item:
    """One row to extract, and what it is made of: waves or a text."""

    key: str
    wave_keys: tuple[str, ...] = ()
    """Rows of the waves that are heard: the one of the segment, or all of its utterance."""
    valid_samples: tuple[int, ...] = ()
    """Samples of real audio in each of them."""
    before_key: str | None = None
    """Row of the wave before the segment, if its last sample is heard too."""
    index: int = 0
    """Number of this row among those that the extractor makes of these waves."""
    text: str = ""


@dataclass(frozen=True, eq=False)
class Items(Sequence[Item]):
    """Rows to extract. A slice gives a list of them."""

    keys: Sequence[str]
    """Keys of all rows, also of those that are left out."""
    item: Callable[[int, str], Item]
    """Makes the row of a number, which has a key."""
    chosen: Int64
    """Numbers of the rows that are not left out."""

    def only(self, keys: Collection[str]) -> Items:
        """The rows with these keys, each key once."""
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
            return [self.item(row, self.keys[row]) for row in self.chosen[which].tolist()]
        row = int(self.chosen[which])
        return self.item(row, self.keys[row])


@dataclass(frozen=True, eq=False)
class _Audio:
    """Rows that are made of waves."""

    waves: npt.NDArray[np.bytes_]
    """For each line of a segment table, the row key of its wave."""
    valid: Int64
    """Samples of real audio in each wave."""
    heard: Int64
    """(rows, 2): the first line that a row hears, and the line after the last one."""
    index: Int64
    """`Item.index` of each row."""
    before: Mapping[int, str]
    """Row number to `Item.before_key`, where there is one."""

    def item(self, row: int, key: str) -> Item:
        """What is needed to make one row; the key is that of its features."""
        lines = slice(*self.heard[row])
        waves = tuple(wave.decode() for wave in self.waves[lines].tolist())
        valid = tuple(self.valid[lines].tolist())
        return Item(key, waves, valid, self.before.get(row), int(self.index[row]))


def transcripts_of(manifest: pd.DataFrame) -> Transcripts:
    """The transcripts in a manifest (`mfsn.manifest.UTTERANCES`)."""
    texts = manifest["transcript"].fillna("").astype(str)
    return dict(zip(manifest["utterance_id"], texts, strict=True))


def items_of(
    segments: pd.DataFrame,
    reach: Reach,
    segment: SegmentConfig,
    spec: StoreSpec,
    transcripts: Transcripts | None = None,
) -> tuple[list[str], Items]:
    """The ids and the rows of an extraction.

    Args:
        segments: the segment table (`mfsn.manifest.SEGMENTS`).
        reach: of the extractor. The scope decides which ids there are, the context what a row is
            made of.
        segment: how the segments were cut.
        spec: the identity of the extractor's rows.
        transcripts: only asked for by scope `text`.

    Returns:
        Ids of segments or of utterances, and their rows in the same order.

    Raises:
        ManifestError: if a text is asked for and an utterance has no transcript.
        ConfigError: as `refuse_overlap`.
    """
    if reach.scope == "text":
        return _of_texts(segments["utterance_id"].unique().tolist(), transcripts or {}, spec)
    refuse_overlap(reach.context, segment)
    table, heard, line = _heard(segments, reach)
    is_whole = reach.scope == "utterance"
    named = table.iloc[line].assign(start_sample=0) if is_whole else table
    is_led = reach.context == "segment" and segment.reading == "as_published"
    audio = _Audio(
        waves=np.array([key.encode() for key in table["row_key"]], np.bytes_),
        valid=table["valid_samples"].to_numpy(np.int64),
        heard=heard,
        index=line - heard[:, 0],
        before=_before(named, segment) if is_led else {},
    )
    ids = named["utterance_id" if is_whole else "segment_id"].tolist()
    keys = [spec.row_key(*place) for place in _places(named)]
    return ids, Items(keys, audio.item, np.arange(len(keys)))


def refuse_overlap(context: str, segment: SegmentConfig) -> None:
    """Check that segments can be put together where an extractor hears whole utterances.

    Raises:
        ConfigError: if the last segment overlaps the one before it.
    """
    if context == "utterance" and segment.tail == "overlap":
        raise ConfigError(
            "segment.tail overlap repeats audio, so no extractor can hear the whole utterance; set "
            "segment.tail to pad, or for an encoder `context: segment`"
        )


def _of_texts(
    utterances: list[str], transcripts: Transcripts, spec: StoreSpec
) -> tuple[list[str], Items]:
    texts = [transcripts.get(utterance, "") for utterance in utterances]
    silent = [u for u, text in zip(utterances, texts, strict=True) if not text.strip()]
    if silent:
        raise ManifestError(
            f"{spec.extractor} reads transcripts, but {len(silent)} of {len(texts)} utterances "
            f"have none (the first is {silent[0]}); add them to the corpus, or choose a system "
            f"that does not read {spec.extractor}"
        )
    keys = [spec.row_key(sha256(text.encode()).hexdigest()) for text in texts]
    return utterances, Items(keys, partial(_of_text, texts), np.arange(len(keys)))


def _of_text(texts: Sequence[str], row: int, key: str) -> Item:
    return Item(key, text=texts[row])


def _heard(segments: pd.DataFrame, reach: Reach) -> tuple[pd.DataFrame, Int64, Int64]:
    """The table in order, the lines of it that each row hears, and the line that names the row."""
    own = np.arange(len(segments))
    if reach.context == "segment":
        return segments, np.stack([own, own + 1], axis=1), own
    table = segments.sort_values(["utterance_id", "index"])
    names = table["utterance_id"]
    starts = np.flatnonzero((names != names.shift()).to_numpy(bool))
    whole = np.stack([starts, np.append(starts, len(table))[1:]], axis=1)
    if reach.scope == "utterance":
        return table, whole, starts
    return table, np.repeat(whole, whole[:, 1] - whole[:, 0], axis=0), own


def _places(table: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Audio and first sample of each line, one at a time."""
    return zip(table["audio_sha256"], table["start_sample"].tolist(), strict=True)


def _before(table: pd.DataFrame, segment: SegmentConfig) -> dict[int, str]:
    waves = wave_spec(segment)
    return {
        row: waves.row_key(sha, start - segment.samples)
        for row, (sha, start) in enumerate(_places(table))
        if start > 0
    }
