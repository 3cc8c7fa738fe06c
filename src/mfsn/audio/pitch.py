"""The pitch of a wave, for looking at what a network follows; no extractor, and not cached."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.errors import ConfigError

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
"""Deep male to excited female speech."""
HOP_S, FRAME_S = 0.02, 0.064
"""A frame of 64 ms holds nearly four periods of the deepest voice."""


def track_pitch(wave_N: npt.NDArray[np.float32], sample_rate_hz: int) -> npt.NDArray[np.float64]:
    """Fundamental frequency by probabilistic YIN (Mauch and Dixon, 2014), as librosa has it.

    Args:
        wave_N: samples, full scale 1.
        sample_rate_hz: of the wave.

    Returns:
        [P] in Hz, one value each 20 ms from the first sample on; NaN where there is no voice,
        and throughout a wave that is shorter than a frame.

    Raises:
        ConfigError: if librosa is not installed.
    """
    frame, hop = (round(seconds * sample_rate_hz) for seconds in (FRAME_S, HOP_S))
    if len(wave_N) < frame:
        return np.full(1 + len(wave_N) // hop, np.nan)
    frequency_P, voiced_P, _ = _librosa().pyin(
        wave_N,
        sr=sample_rate_hz,
        fmin=LOWEST_HZ,
        fmax=HIGHEST_HZ,
        frame_length=frame,
        hop_length=hop,
    )
    return np.where(voiced_P, frequency_P, np.nan)


def _librosa() -> Any:
    try:
        return importlib.import_module("librosa")
    except ImportError as error:
        raise ConfigError('pitch needs librosa; run `pip install "mfsn[pitch]"`') from error
