"""Recordings in memory: decoded, cut and extracted as a corpus is, but without the store."""

from __future__ import annotations

import io
import numbers
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mfsn.audio import decoding as audio
from mfsn.audio.in_memory import AudioFile, FileInMemory, samples_of
from mfsn.audio.level import Level, level_of
from mfsn.base.arrays import Int16, Int64
from mfsn.errors import AudioError, PredictionError, readable
from mfsn.features.base import AnyExtractor, Rows, Together
from mfsn.features.extraction.batches import RowMaker
from mfsn.features.extraction.items import Item, refuse_overlap
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import cut, starts

Source = str | Path | BinaryIO | tuple[npt.ArrayLike, float]
"""A recording: the path of an audio file; a file that is open in binary mode, which is read from
where it stands; or a wave and its rate in hertz. A wave is an array (samples,) or (channels,
samples) of floating-point numbers in [-1, 1] or of int16."""
Span = tuple[int, int]
"""The first sample, and the sample after the last one."""

GROUP_SEGMENTS = 64
"""Short recordings are taken together, up to about this many segments, to fill the batches."""


@dataclass(frozen=True)
class Recording:
    """A decoded recording, cut into S segments of N samples."""

    path: str
    """Its path, or what it is called in messages where it has none."""
    waves: Int16
    """(S, N), the last padded with zeros at its end."""
    valid_S: Int64
    """Samples of real audio in each segment."""
    segment: SegmentConfig
    """How it was cut."""
    transcript: str = ""
    """What is said in it; empty where that is not known."""
    level: Level | None = None
    """Of all its samples; None where it was not measured."""
    starts: tuple[int, ...] = ()
    """Where its segments begin; by default one after the other."""

    @property
    def silent(self) -> bool:
        """Whether all samples have the same value."""
        return not (self.waves.any() if self.level is None else self.level.peak)

    @property
    def doubts(self) -> list[str]:
        """What is wrong with the level of the recording; empty if nothing is."""
        if self.silent:
            return [f"{self.path} is silent"]
        if self.level and self.level.is_clipped:
            return [f"{self.path} is clipped in {self.level.clipped:.1%} of its samples"]
        return []

    @property
    def segments(self) -> list[Span]:
        """Where the segments lie."""
        firsts = np.array(self.starts or [0, *np.cumsum(self.valid_S)[:-1]])
        return list(zip(firsts.tolist(), (firsts + self.valid_S).tolist(), strict=True))


def load_recordings(
    recordings: Source | Iterable[Source], segment: SegmentConfig
) -> tuple[list[Recording], list[str]]:
    """Decode and cut recordings.

    Args:
        recordings: one recording or several; see `Source`.
        segment: how they are cut.

    Returns:
        The recordings that can be decoded, in their order, and one sentence for each of the others.

    Raises:
        PredictionError: if there is no recording.
    """
    loaded, failures = [], []
    for number, source in enumerate(_listed(recordings), start=1):
        try:
            loaded.append(load_recording(source, segment, f"recording {number}"))
        except AudioError as error:
            failures.append(str(error))
    if not loaded and not failures:
        raise PredictionError("there is no recording; give at least one audio file or array")
    return loaded, failures


def load_recording(source: Source, segment: SegmentConfig, name: str) -> Recording:
    """Decode and cut one recording.

    Args:
        source: see `Source`.
        segment: how it is cut.
        name: what it is called where it is neither a path nor an open file with a name.

    Raises:
        AudioError: if it cannot be decoded, or is none of what `Source` lists.
    """
    if isinstance(source, tuple) and len(source) == 2:
        samples_NC, rate_hz, called = samples_of(source[0], name), _rate(source[1], name), name
        wave = audio.to_mono(samples_NC, rate_hz, segment.sample_rate_hz)
        samples = audio.to_int16(wave)[0]
    else:
        file = _file(source, name)
        samples, called = audio.load_wave(file, segment.sample_rate_hz).samples, readable(file)
    if len(samples) == 0:
        raise AudioError(
            f"{name} is too short for a sample at {segment.sample_rate_hz} Hz; give more"
        )
    return Recording(
        called,
        *cut(samples, segment),
        segment,
        level=level_of([samples]),
        starts=tuple(starts(len(samples), segment)),
    )


def _listed(recordings: Source | Iterable[Source]) -> list[Any]:
    """Several recordings, or the only one."""
    if isinstance(recordings, tuple) and len(recordings) == 2:
        is_one = isinstance(recordings[1], numbers.Number)
    else:
        is_one = isinstance(recordings, str | np.ndarray) or hasattr(recordings, "read")
    return [recordings] if is_one or not isinstance(recordings, Iterable) else list(recordings)


def _file(source: object, name: str) -> AudioFile:
    if isinstance(source, str | Path):
        return Path(source)
    read = getattr(source, "read", None)
    content = read() if read and not isinstance(source, io.TextIOBase) else None
    if not isinstance(content, bytes):
        raise AudioError(
            f"{name} is a {type(source).__name__}, which cannot be decoded; give a path, a file "
            "that is open in binary mode, or a tuple (wave, rate in Hz)"
        )
    called = getattr(source, "name", None)
    return FileInMemory(called if isinstance(called, str) else name, content)


def _rate(rate_hz: float, name: str) -> int:
    is_number = isinstance(rate_hz, numbers.Real)
    lowest, highest = audio.LOWEST_HZ, audio.HIGHEST_HZ
    if not (is_number and float(rate_hz).is_integer() and lowest <= rate_hz <= highest):
        raise AudioError(
            f"{name} has a rate of {rate_hz}; give a whole number of hertz from {lowest} to "
            f"{highest}"
        )
    return int(rate_hz)


def groups(recordings: Sequence[Recording]) -> Iterator[list[Recording]]:
    """Recordings in their order, some at a time. A group ends once it has enough segments."""
    group: list[Recording] = []
    for recording in recordings:
        group.append(recording)
        if sum(len(member.waves) for member in group) >= GROUP_SEGMENTS:
            yield group
            group = []
    if group:
        yield group


def extract_recordings(extractor: AnyExtractor | Together, group: Sequence[Recording]) -> Rows:
    """The rows of some recordings, one after the other.

    Args:
        extractor: its scope decides whether a recording has one row, or one row per segment.
        group: at least one recording; all of them are cut alike.

    Raises:
        PredictionError: if the extractor reads transcripts and a recording has none.
        RangeError: if a value does not fit the storage dtype.
    """
    waves: dict[str, Int16] = {}
    items: list[Item] = []
    for number, recording in enumerate(group):
        own = {f"{number}#{index}": wave for index, wave in enumerate(recording.waves)}
        items += _items(extractor, recording, str(number), list(own))
        waves |= own
    return RowMaker(extractor, _InMemory(waves), group[0].segment).whole(items)[1]


def extract_each(
    extractors: Mapping[str, AnyExtractor | Together], group: Sequence[Recording]
) -> dict[str, Rows]:
    """The rows of several extractors, by the name of each; see `extract_recordings`.

    Args:
        extractors: by name. Those that share a pass stand together under the name of the first.
        group: as in `extract_recordings`.
    """
    found: dict[str, Rows] = {}
    for name, extractor in extractors.items():
        rows = extract_recordings(extractor, group)
        if not hasattr(extractor, "extractors"):
            found[name] = rows
            continue
        for array, values in rows.items():
            owner, _, own = array.partition("/")
            found.setdefault(owner, {})[own] = values
    return found


class _InMemory:
    """Waves by key, read as those of a store are."""

    def __init__(self, waves: Mapping[str, Int16]) -> None:
        self._waves = waves

    def read(self, keys: Sequence[str], arrays: Sequence[str]) -> Mapping[str, Int16]:
        """The waves of these keys, under the name of each array."""
        return {array: np.stack([self._waves[key] for key in keys]) for array in arrays}


def _items(
    extractor: AnyExtractor | Together, recording: Recording, name: str, keys: Sequence[str]
) -> list[Item]:
    """The rows of a recording; its segments have these keys."""
    if extractor.scope == "text":
        if not recording.transcript.strip():
            raise PredictionError(
                f"{recording.path} has no transcript, which {extractor.name} reads; give one, or "
                "choose a model that needs none"
            )
        return [Item(name, text=recording.transcript)]
    valid = tuple(recording.valid_S.tolist())
    refuse_overlap(extractor.context, recording.segment)
    if extractor.context == "utterance":
        rows = [name] if extractor.scope == "utterance" else keys
        return [Item(row, tuple(keys), valid, index=index) for index, row in enumerate(rows)]
    led = recording.segment.reading == "as_published"
    befores = [None, *keys[:-1]] if led else [None] * len(keys)
    own = zip(keys, valid, befores, strict=True)
    return [Item(key, (key,), (samples,), before) for key, samples, before in own]
