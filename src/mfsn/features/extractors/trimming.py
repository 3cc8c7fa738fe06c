"""What functionals are taken of: speech without silence around it, its parts, its copies.

Shapes: T samples.
"""

from __future__ import annotations

import numpy as np

from mfsn.audio import decoding as audio
from mfsn.base.arrays import Float32

WINDOW_S, HOP_S, MARGIN_S = 0.025, 0.010, 0.050
"""Frames whose energy is compared, and what stays around the speech."""


def without_silence(wave_T: Float32, trim_db: float, sample_rate_hz: int) -> Float32:
    """A wave from its first to its last frame that is at most `trim_db` below its loudest.

    Args:
        wave_T: mono audio, full scale 1.
        trim_db: above 0, in dB of a frame's energy.
        sample_rate_hz: of the wave.

    Returns:
        A part of the wave with 50 ms around the speech, as far as there are; all of a wave that is
        no longer than a frame (25 ms), silent, or not finite.
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
    """A wave in pieces of equal length, but for a sample; none is empty (zeros fill up)."""
    return np.array_split(np.pad(wave_T, (0, max(count - len(wave_T), 0))), count)


def at_speed(wave_T: Float32, speed: float, sample_rate_hz: int) -> Float32:
    """A wave as if played faster or slower: tempo, pitch and formants change together.

    Args:
        wave_T: mono audio.
        speed: 2 halves the duration.
        sample_rate_hz: of the wave.

    Returns:
        round(T / speed) samples or so, at the same rate.
    """
    played_hz = round(speed * sample_rate_hz)
    return audio.resample(wave_T.astype(np.float64), played_hz, sample_rate_hz).astype(np.float32)
