"""Changes of a wave before functionals are computed: trimming, parts, and other speeds.

Shapes: T samples.
"""

from __future__ import annotations

import numpy as np

from mfsn.audio.resampling import resample
from mfsn.base.arrays import Float32

WINDOW_S, HOP_S, MARGIN_S = 0.025, 0.010, 0.050
"""Length and distance of the frames whose energy is compared, and what is kept on both sides."""


def without_silence(wave_T: Float32, trim_db: float, sample_rate_hz: int) -> Float32:
    """Cut off the silence at both ends of a wave.

    Args:
        wave_T: mono audio, full scale 1.
        trim_db: frames belong to the speech if their energy is at most this many dB below that of
            the loudest one; above 0.
        sample_rate_hz: of the wave.

    Returns:
        The speech with up to 50 ms on both sides. A wave that is not longer than a frame (25 ms),
        is silent, or is not finite stays as it is.
    """
    window, hop, margin = (round(s * sample_rate_hz) for s in (WINDOW_S, HOP_S, MARGIN_S))
    if len(wave_T) <= window:
        return wave_T
    frames_NT = np.lib.stride_tricks.sliding_window_view(wave_T, window)[::hop]
    energy_N = np.square(frames_NT, dtype=np.float64).mean(axis=1)
    speech = np.flatnonzero(energy_N >= energy_N.max() * 10 ** (-trim_db / 10))
    if not len(speech):
        return wave_T
    start, end = speech[0] * hop - margin, speech[-1] * hop + window + margin
    return wave_T[max(start, 0) : end]


def equal_parts(wave_T: Float32, count: int) -> list[Float32]:
    """Cut a wave into parts of equal length, up to one sample; zeros fill up what is too short."""
    return np.array_split(np.pad(wave_T, (0, max(count - len(wave_T), 0))), count)


def at_speed(wave_T: Float32, speed: float, sample_rate_hz: int) -> Float32:
    """Play a wave faster or slower, so that tempo, pitch and formants change together.

    Args:
        wave_T: mono audio.
        speed: 2 halves the duration.
        sample_rate_hz: of the wave.

    Returns:
        About T / speed samples, at the same rate.
    """
    played_hz = round(speed * sample_rate_hz)
    return resample(wave_T.astype(np.float64), played_hz, sample_rate_hz).astype(np.float32)
