"""Recordings in memory: decoded, cut and extracted as the corpus is, but past the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.audio import decoding as audio
from mfsn.base.arrays import Int16, Int64
from mfsn.errors import AudioError, PredictionError
from mfsn.features.base import Extractor
from mfsn.segments.config import SegmentConfig
from mfsn.segments.extractor_input import hear_segments, hear_utterance
from mfsn.segments.waves import cut

Rows = dict[str, npt.NDArray[Any]]
Span = tuple[int, int]
"""First sample, and the one behind the last."""

GROUP_SEGMENTS = 64
"""Short recordings are taken together up to about so many segments, to fill the batches."""


@dataclass(frozen=True)
class Recording:
    """A decoded file, cut into S segments of N samples."""

    path: str
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
    paths: Sequence[str | Path], segment: SegmentConfig
) -> tuple[list[Recording], list[str]]:
    """Decode and cut files.

    Returns:
        Those that can be decoded, in their order, and a sentence for each of the others.

    Raises:
        PredictionError: if there is no path.
    """
    if not paths:
        raise PredictionError("there is no file to predict; name at least one audio file")
    recordings, failures = [], []
    for path in paths:
        try:
            wave = audio.load(Path(path), segment.sample_rate_hz)
            recordings.append(Recording(str(path), *cut(audio.to_int16(wave)[0], segment), segment))
        except AudioError as error:
            failures.append(str(error))
    return recordings, failures


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
