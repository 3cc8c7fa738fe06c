"""What the page shows about the utterance that the reader has chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.report.browser import packing
from mfsn.report.utterance.decision import Decision
from mfsn.report.utterance.rating import Rating
from mfsn.report.utterance.utterance import MFCC_SPREAD, Level, Utterance

Array = npt.NDArray[Any]
WAVE_POINTS = 600
"""Points of the waveform per segment: one every 5 ms of 3 s."""
VARIES = 0.05
"""Norms say something if their standard deviation is at least this share of their mean."""


def detail(utterance: Utterance, scale_db: tuple[float, float], playable: bool) -> dict[str, Any]:
    """Everything that the page draws and plays for an utterance, as plain values.

    Args:
        utterance: what is known about it.
        scale_db: the levels in dB drawn as the darkest and the brightest colour, the same for all
            utterances.
        playable: whether the recording is put into the page.
    """
    segment, rate = utterance.segment, utterance.segment.sample_rate_hz
    padded = np.zeros(max(round(utterance.end_s * rate), len(utterance.wave)), np.float32)
    padded[: len(utterance.wave)] = utterance.wave
    points = round(min(WAVE_POINTS, segment.samples) * len(padded) / segment.samples)
    peak = float(np.abs(utterance.wave).max())
    return {
        "facts": utterance.facts,
        "starts_s": utterance.start_s_S.round(6).tolist(),
        "segment_s": segment.duration_s,
        "end_s": utterance.end_s,
        "duration_s": utterance.duration_s,
        "peak": peak,
        "wave": packing.envelope(padded / max(peak, 1e-3), points),
        "spectrogram": _images(utterance.spectrogram_db, scale_db),
        "bin_hz": utterance.bin_hz,
        "mfcc": _images(utterance.spread_mfcc, (-MFCC_SPREAD, MFCC_SPREAD)),
        "levels": {name: _curves(level) for name, level in utterance.levels.items()},
        "decision": _decision(utterance.decision) if utterance.decision else None,
        "rating": _rating(utterance.rating) if utterance.rating else None,
        "segment_posteriors": utterance.segment_posterior_SC.round(4).tolist(),
        "sound": packing.sound(utterance.wave, rate) if playable else None,
    }


def _images(rows: Array | None, scale: tuple[float, float]) -> list[str]:
    """One image per segment; empty if the extractor has not run."""
    return [] if rows is None else [packing.image(frames, *scale) for frames in rows]


def _curves(level: Level) -> dict[str, Any]:
    real = level.is_real_ST
    measures = {"change": level.change_ST, "distance": level.distance_ST}
    norms = level.norm_ST[real]
    if norms.std() >= VARIES * norms.mean():
        measures["norm"] = level.norm_ST
    return {
        name: packing.curve(values_ST.ravel()) | {"mean": float(f"{values_ST[real].mean():.3g}")}
        for name, values_ST in measures.items()
    }


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "predicted": decision.predicted,
        "posterior": decision.posterior.round(4).tolist(),
        "origin": decision.origin,
        "rule": decision.rule,
        "votes": [
            {
                "fold": vote.fold,
                "seed": vote.seed,
                "predicted": vote.predicted,
                "posterior": vote.posterior_C.round(4).tolist(),
            }
            for vote in decision.votes
        ],
    }


def _rating(rating: Rating) -> dict[str, Any]:
    return {
        "label": rating.label_D.round(4).tolist(),
        "predicted": rating.predicted_D.round(4).tolist(),
        "segments": rating.segment_predicted_SD.round(4).tolist(),
        "origin": rating.origin,
    }
