"""Everything that is known about one utterance, gathered for its picture or the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.report.utterance.decision import Decision
from mfsn.report.utterance.rating import Rating
from mfsn.report.utterance.source import Source
from mfsn.segments.config import Reading, SegmentConfig
from mfsn.segments.waves import read_utterance

Array = npt.NDArray[Any]
ENCODERS = ("sec", "tec")
MFCC_SPREAD = 3.0
RANGE_DB = 80.0
"""Spectrograms: a level that is further below the largest than this is drawn as silence."""
SHOWN = ("utterance_id", "emotion", "speaker", "session", "gender", "transcript", "licence")


@dataclass(frozen=True)
class Level:
    """One level of an encoder over the time of an utterance. S segments, T frames, D features.

    Frames of padding are the last ones of a segment, even if the encoder was given the padding
    first.
    """

    norm_ST: Array
    """Euclidean norm of each frame. (Layers that end in LayerNorm make all norms nearly equal.)"""
    change_ST: Array
    """1 minus the cosine similarity of each frame and the one before it, 0 to 2. The first frame of
    a segment is compared with the one after it, since each segment is encoded alone."""
    distance_ST: Array
    """The Euclidean distance of each frame from the mean frame."""
    mean_D: Array
    """Mean over the frames of real audio."""
    is_real_ST: npt.NDArray[np.bool_]
    """Which frames contain real audio."""

    @property
    def frames(self) -> int:
        """Frames per segment; 1 if the extractor stores only their mean."""
        return int(self.norm_ST.shape[1])


@dataclass(frozen=True)
class Utterance:
    """One utterance: its row of the manifest, its cached features, and its prediction.

    Features of an extractor that has not run are None, or absent from `levels`. S segments.
    """

    facts: dict[str, str]
    """Values of the manifest, by the names in `SHOWN`; empty text for unknown values."""
    wave: npt.NDArray[np.float32]
    """Samples without padding, full scale 1."""
    segment: SegmentConfig
    start_s_S: Array
    """Where each segment begins, in seconds. The last one may overlap the one before it."""
    real_S: Array
    """The share of each segment that is real audio, 0 to 1."""
    spectrogram_db: Array | None
    """Absolute level in dB, (S, frames, bins)."""
    bin_hz: float
    """Distance between two bins in Hz."""
    mfcc: Array | None
    """(S, frames, coefficients)."""
    levels: dict[str, Level]
    """The levels of the encoders, by names such as `SEC low`."""
    decision: Decision | None
    rating: Rating | None
    """The predicted values if the experiment predicts dimensions."""
    segment_posterior_SC: Array
    """Mean over seeds; no rows if the system reads whole utterances at once, or if nothing was
    predicted."""

    @property
    def segments(self) -> int:
        """The number of segments."""
        return len(self.real_S)

    @property
    def end_s(self) -> float:
        """Where the last segment ends, with its padding, in seconds."""
        return float(self.start_s_S[-1]) + self.segment.duration_s

    @property
    def spread_mfcc(self) -> Array | None:
        """The MFCC, each coefficient standardised over real audio and clipped at ±`MFCC_SPREAD`.

        (Without this, the first coefficients are so large that the others cannot be seen.)
        """
        if self.mfcc is None:
            return None
        real = self.mfcc[_is_real(self.real_S, self.mfcc.shape[1])]
        spread: Array = (self.mfcc - real.mean(axis=0)) / np.maximum(real.std(axis=0), 1e-6)
        return spread.clip(-MFCC_SPREAD, MFCC_SPREAD)

    @property
    def duration_s(self) -> float:
        """Duration in seconds without padding."""
        return len(self.wave) / self.segment.sample_rate_hz


def gather(source: Source, utterance_id: str) -> Utterance:
    """Gather what the tables and the store hold about an utterance.

    Args:
        source: the tables and features of the experiment.
        utterance_id: as in the manifest.

    Raises:
        ManifestError: if there is no such utterance (the message names similar ids), or it has no
            segments.
        CacheError: if rows are missing from the store or damaged.
    """
    facts, segments = source.facts_of(utterance_id), source.segments_of(utterance_id)
    ids, params = list(segments["segment_id"]), source.params
    return Utterance(
        facts={name: "" if pd.isna(facts[name]) else str(facts[name]) for name in SHOWN},
        wave=read_utterance(source.waves, segments),
        segment=params.segment,
        start_s_S=_starts_s(segments, params.segment.sample_rate_hz),
        real_S=_real_share(source, segments),
        spectrogram_db=_read(source, "spectrogram", "level_db", ids),
        bin_hz=params.segment.sample_rate_hz / params.spectrogram.n_fft,
        mfcc=_read(source, "mfcc", "mfcc", ids),
        levels=levels_of(source, utterance_id),
        decision=source.decision_of(utterance_id),
        rating=source.rating_of(utterance_id),
        segment_posterior_SC=source.segment_posteriors_of(utterance_id),
    )


def levels_of(source: Source, utterance_id: str) -> dict[str, Level]:
    """The levels of the encoders for an utterance, by names such as `SEC low`.

    Raises:
        ManifestError: if the utterance has no segments.
        CacheError: if rows are missing from the store or damaged.
    """
    segments = source.segments_of(utterance_id)
    ids, real_S = list(segments["segment_id"]), _real_share(source, segments)
    return {
        f"{encoder.upper()} {level}": _level(values, real_S, source.params.segment.reading)
        for encoder in ENCODERS
        if encoder in source.readers
        for level, values in source.readers[encoder].read(ids).items()
    }


def _real_share(source: Source, segments: pd.DataFrame) -> Array:
    share_S: Array = segments["valid_samples"].to_numpy() / source.params.segment.samples
    return share_S


def _starts_s(segments: pd.DataFrame, rate_hz: int) -> Array:
    first_S = segments["start_sample"].to_numpy()
    starts_s: Array = (first_S - first_S[0]) / rate_hz
    return starts_s


def _level(values_STD: Array, real_S: Array, reading: Reading) -> Level:
    frames = values_STD.astype(np.float32)
    is_real_ST = _is_real(real_S, frames.shape[1])
    if reading == "as_published":  # encoders get the padding first; here it goes to the end
        shifts = zip(frames, is_real_ST.sum(axis=1), strict=True)
        frames = np.stack([np.roll(own, int(shift), axis=0) for own, shift in shifts])
    mean_D = frames[is_real_ST].mean(axis=0)
    norm_ST = np.linalg.norm(frames, axis=-1)
    return Level(
        norm_ST=norm_ST,
        change_ST=_change(frames / np.maximum(norm_ST[..., None], 1e-12)),
        distance_ST=np.linalg.norm(frames - mean_D, axis=-1),
        mean_D=mean_D,
        is_real_ST=is_real_ST,
    )


def _change(unit_STD: Array) -> Array:
    between = (1 - (unit_STD[:, 1:] * unit_STD[:, :-1]).sum(axis=-1)).clip(0, 2)
    if not between.size:
        return np.zeros(unit_STD.shape[:2], unit_STD.dtype)
    return np.concatenate([between[:, :1], between], axis=1)


def _read(source: Source, extractor: str, array: str, ids: Sequence[str]) -> Array | None:
    reader = source.readers.get(extractor)
    return None if reader is None else reader.read(ids, [array])[array].astype(np.float32)


def _is_real(real_S: Array, frames: int) -> npt.NDArray[np.bool_]:
    """Which frames contain real audio, (S, frames)."""
    is_real_ST: npt.NDArray[np.bool_] = np.arange(frames) < np.ceil(real_S[:, None] * frames)
    return is_real_ST
