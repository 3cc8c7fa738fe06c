"""Recordings in memory: decoded, cut and extracted as the corpus is, but past the cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn import audio
from mfsn.corpora.config import SegmentConfig
from mfsn.errors import AudioError, PredictionError
from mfsn.features.base import Extractor
from mfsn.features.waveform import join

Rows = dict[str, npt.NDArray[Any]]
Span = tuple[int, int]
"""First sample, and the one behind the last."""

GROUP_SEGMENTS = 64
"""Short recordings are taken together up to about so many segments, to fill the batches."""


@dataclass(frozen=True)
class Recording:
    """A decoded file, cut into S segments."""

    path: str
    waves: audio.Int16
    """(S, samples), the last padded with zeros at its end."""
    valid_S: audio.Int64
    """Samples of real audio in each segment."""

    @property
    def silent(self) -> bool:
        """Whether all samples are zero."""
        return not self.waves.any()

    @property
    def segments(self) -> list[Span]:
        """Where the segments lie."""
        ends = np.cumsum(self.valid_S).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True))


def load_recordings(paths: Sequence[str | Path], segment: SegmentConfig) -> list[Recording]:
    """Decode and cut files.

    Raises:
        PredictionError: if there is none.
        AudioError: if files cannot be decoded; all of them are named.
    """
    if not paths:
        raise PredictionError("there is no file to predict; name at least one audio file")
    recordings, failures = [], []
    for path in paths:
        try:
            wave = audio.load(Path(path), segment.sample_rate_hz)
            recordings.append(
                Recording(str(path), *audio.cut(audio.to_int16(wave)[0], segment.samples))
            )
        except AudioError as error:
            failures.append(str(error))
    if failures:
        raise AudioError(f"{len(failures)} audio files cannot be used:\n" + "\n".join(failures))
    return recordings


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


def extract_segments(extractor: Extractor, group: Sequence[Recording]) -> Rows:
    """Rows of all segments of some recordings, in batches of the extractor's fixed shape.

    Args:
        extractor: of segment scope.
        group: at least one recording.

    Raises:
        RangeError: if a value does not fit the storage dtype.
    """
    waves = np.concatenate([recording.waves for recording in group])
    size, missing = extractor.batch_rows, -len(waves) % extractor.batch_rows
    waves_SN = audio.to_float32(np.pad(waves, ((0, missing), (0, 0))))
    valid_S = np.concatenate([recording.valid_S for recording in group])
    valid_S = np.pad(valid_S, (0, missing), constant_values=waves.shape[1])
    batches = [
        extractor.extract(waves_SN[first : first + size], valid_S[first : first + size])
        for first in range(0, len(waves_SN), size)
    ]
    joined = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    return {name: rows[: len(waves)] for name, rows in joined.items()}


def extract_whole(extractor: Extractor, group: Sequence[Recording]) -> Rows:
    """A row of each recording; arguments and errors as in `extract_segments`.

    Args:
        extractor: of utterance scope.
        group: at least one recording.
    """
    waves = [join(recording.waves, recording.valid_S) for recording in group]
    found = [extractor.extract(wave[None], np.array([len(wave)])) for wave in waves]
    return {name: np.concatenate([rows[name] for rows in found]) for name in found[0]}
