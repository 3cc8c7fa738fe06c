"""The sound of one demo utterance: speech by eSpeak, changed to a prosody and resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from mfsn.audio.decoding import to_int16
from mfsn.base.arrays import Float64, Int16
from mfsn.corpora.demo.espeak import speak
from mfsn.corpora.demo.plan import Spoken


def utter(spoken: Spoken, sample_rate_hz: int) -> Int16:
    """Speak one utterance of the demo.

    Args:
        spoken: what to say, and how.
        sample_rate_hz: the rate of the result in hertz.

    Returns:
        Mono samples (n,) without silence at the beginning and the end.

    Raises:
        CorpusError: if eSpeak NG is not installed.
    """
    prosody = spoken.prosody
    pitch, range_ = (round(min(max(prosody[name], 0), 100)) for name in ("pitch", "range"))
    samples, rate = speak(_mark_up(spoken), spoken.voice, round(prosody["rate"]), pitch, range_)
    wave = _resample(np.trim_zeros(samples).astype(np.float64), rate, sample_rate_hz)
    fade = 10 ** (np.linspace(-0.5, 0.5, len(wave)) * prosody["fade_db"] / 20)
    return to_int16(_set_level(wave * fade, prosody["level_db"]))[0]


def _mark_up(spoken: Spoken) -> str:
    words = [escape(word) for word in spoken.text.split()]
    words[-1] += spoken.mark
    steps = _along([spoken.prosody[name] for name in ("first", "middle", "last")], len(words))
    marked = (
        f'<prosody pitch="{step:+.0f}%">{word}</prosody>'
        for step, word in zip(steps, words, strict=True)
    )
    return f"<speak>{' '.join(marked)}</speak>"


def _along(values: Sequence[float], steps: int) -> Sequence[float]:
    interpolated: list[float] = np.interp(
        np.linspace(0, 1, steps), np.linspace(0, 1, len(values)), values
    ).tolist()
    return interpolated


def _resample(wave: Float64, from_hz: int, to_hz: int) -> Float64:
    # The spectrum is cut. This uses no threads, with which the last bits of other resamplers vary.
    # Padding to a whole number of common periods keeps the ratio exact and the FFT fast.
    common = math.gcd(from_hz, to_hz)
    periods = -(-len(wave) // (from_hz // common))
    length = periods * (to_hz // common)
    spectrum = np.fft.rfft(wave, periods * (from_hz // common))
    resampled: Float64 = np.fft.irfft(spectrum[: length // 2 + 1], length) * (to_hz / from_hz)
    return resampled


def _set_level(wave: Float64, level_db: float) -> Float64:
    gain = 10 ** (level_db / 20) / np.sqrt(np.mean(wave**2))
    levelled: Float64 = wave * gain
    return levelled
