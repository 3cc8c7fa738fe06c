"""The pitch of a wave, for `mfsn guidance`; it is not an extractor and is not cached."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.errors import ConfigError

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
"""The range from deep male to excited female speech."""
HOP_S, FRAME_S = 0.02, 0.064
"""A frame of 64 ms contains nearly four periods of the deepest voice."""


def track_pitch(wave_N: npt.NDArray[np.float32], sample_rate_hz: int) -> npt.NDArray[np.float64]:
    """Fundamental frequency by probabilistic YIN (Mauch and Dixon, 2014), computed by librosa.

    Args:
        wave_N: samples, full scale 1.
        sample_rate_hz: the sample rate of the wave in hertz.

    Returns:
        [P] in Hz, one value every 20 ms from the first sample on. Values without voice are NaN;
        all values are NaN if the wave is shorter than a frame.

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
