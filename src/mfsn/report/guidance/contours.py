"""Sound level and pitch over time, one contour per segment, from cached rows.

Shapes: N segments, S spectrogram frames, F bins, P pitch frames.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mfsn.audio.pitch import HOP_S, track_pitch
from mfsn.base.arrays import Float64
from mfsn.models.inputs import LEVEL_DB
from mfsn.segments.waves import waveform_store
from mfsn.training.data.columns import take
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment

LEVEL, PITCH = "level", "pitch"
BATCH = 128
FULL_SCALE = np.float32(32_768)


def contours_of(
    experiment: Experiment, rows: Rows, segments: pd.DataFrame
) -> dict[str, list[Float64]]:
    """`level` and `pitch` of segments, at equal time steps from the beginning of each segment.

    Args:
        experiment: names the store of the waves.
        rows: the cached rows of the corpus.
        segments: rows of the segment table; their index is the position in `rows`.

    Raises:
        ConfigError: if librosa is not installed.
        CacheError: if a row is missing or damaged.
    """
    return {LEVEL: levels(rows, segments), PITCH: pitches(experiment, segments)}


def levels(rows: Rows, segments: pd.DataFrame) -> list[Float64]:
    """Power summed over the bins of the spectrogram in dB, one [S] array per segment."""
    found: list[Float64] = []
    for rows_B in torch.split(torch.tensor(segments.index), BATCH):
        level_BSF = take(rows.columns[LEVEL_DB], rows_B).double() * (np.log(10) / 10)
        found += list((level_BSF.logsumexp(dim=2) * (10 / np.log(10))).numpy())
    return found


def pitches(experiment: Experiment, segments: pd.DataFrame) -> list[Float64]:
    """Fundamental frequency in Hz, one [P] array per segment; NaN without voice and in padding."""
    segment = experiment.segment
    waves = waveform_store(segment, experiment.store)
    found: list[Float64] = []
    lines = list(zip(segments["row_key"], segments["valid_samples"], strict=True))
    for key, valid in tqdm(lines, "pitch", unit="segment", disable=None, leave=False):
        wave_N = waves.read([key], ["wave"])["wave"][0, :valid].astype(np.float32) / FULL_SCALE
        pitch_P = np.full(round(segment.duration_s / HOP_S), np.nan)
        tracked_P = track_pitch(wave_N, segment.sample_rate_hz)[: len(pitch_P)]
        pitch_P[: len(tracked_P)] = tracked_P
        found.append(pitch_P)
    return found
