"""Recordings in memory: decoded, cut and extracted as the corpus is, but past the cache."""

from __future__ import annotations

import io
import numbers
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mfsn.audio import decoding as audio
from mfsn.audio.in_memory import AudioFile, FileInMemory, samples_of
from mfsn.base.arrays import Int16, Int64
from mfsn.errors import AudioError, PredictionError
from mfsn.features.base import Extractor
from mfsn.segments.config import SegmentConfig
from mfsn.segments.extractor_input import hear_segments, hear_utterance
from mfsn.segments.waves import cut

Rows = dict[str, npt.NDArray[Any]]
Source = str | Path | BinaryIO | tuple[npt.ArrayLike, float]
"""A recording: the path of an audio file; a file that is open in binary mode, which is read from
where it stands; or a wave and its rate in hertz. A wave is an array (samples,) or (channels,
samples) of floating-point numbers in [-1, 1] or of int16."""
Span = tuple[int, int]
"""First sample, and the one behind the last."""

GROUP_SEGMENTS = 64
"""Short recordings are taken together up to about so many segments, to fill the batches."""


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

    @property
    def before(self) -> Int16:
        """The sample before each segment, (S,); 0 before the first."""
        return np.append(np.int16(0), self.waves[:-1, -1])

    @property
    def silent(self) -> bool:
        """Whether all samples are zero."""
        return not self.waves.any()

    @property
    def segments(self) -> list[Span]:
        """Where the segments lie."""
        ends = np.cumsum(self.valid_S).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True))


def load_recordings(
    recordings: Source | Iterable[Source], segment: SegmentConfig
) -> tuple[list[Recording], list[str]]:
    """Decode and cut recordings.

    Args:
        recordings: one recording or several; see `Source`.
        segment: how they are cut.

    Returns:
        The recordings that can be decoded, in their order, and a sentence for each of the others.

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
    else:
        file = _file(source, name)
        (samples_NC, rate_hz), called = audio.decode(file), str(file)
    wave = audio.to_mono(samples_NC, rate_hz, segment.sample_rate_hz)
    return Recording(called, *cut(audio.to_int16(wave)[0], segment), segment)


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
    if not (is_number and float(rate_hz).is_integer() and rate_hz >= 1):
        raise AudioError(f"{name} has a rate of {rate_hz}; give a whole number of hertz from 1")
    return int(rate_hz)


def groups(recordings: Sequence[Recording]) -> Iterator[list[Recording]]:
    """Recordings in their order, some at a time; a long one is a group by itself or ends one."""
    group: list[Recording] = []
    for recording in recordings:
        group.append(recording)
        if sum(len(member.waves) for member in group) >= GROUP_SEGMENTS:
            yield group
            group = []
    if group:
        yield group


def extract_recordings(extractor: Extractor, group: Sequence[Recording]) -> Rows:
    """The rows of some recordings, one after the other: one a segment, or one a recording.

    Args:
        extractor: its scope decides which.
        group: at least one recording.

    Raises:
        RangeError: if a value does not fit the storage dtype.
    """
    if extractor.scope == "segment":
        return _extract_segments(extractor, group)
    waves = [hear_utterance(r.waves, r.valid_S, r.segment) for r in group]
    return _joined([extractor.extract(wave[None], np.array([len(wave)])) for wave in waves])


def _extract_segments(extractor: Extractor, group: Sequence[Recording]) -> Rows:
    """All segments of the recordings, in batches of the extractor's fixed shape."""
    heard = [hear_segments(r.waves, r.valid_S, r.before, r.segment) for r in group]
    waves_SN, valid_S = (np.concatenate(parts) for parts in zip(*heard, strict=True))
    size, missing = extractor.batch_rows, -len(waves_SN) % extractor.batch_rows
    waves_SN = np.pad(waves_SN, ((0, missing), (0, 0)))
    valid_S = np.pad(valid_S, (0, missing), constant_values=waves_SN.shape[1])
    batches = [
        extractor.extract(waves_SN[first : first + size], valid_S[first : first + size])
        for first in range(0, len(waves_SN), size)
    ]
    return {name: rows[: len(rows) - missing] for name, rows in _joined(batches).items()}


def _joined(found: Sequence[Rows]) -> Rows:
    return {name: np.concatenate([rows[name] for rows in found]) for name in found[0]}
