"""Prints of sounds: which copies have similar ones, and that other sounds do not."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from mfsn.audio.fingerprint import Fingerprint, Printing, fingerprint, similar
from mfsn.base.arrays import Int16

RATE_HZ = 16_000


def voice(seed: int, seconds: float = 2.0) -> Int16:
    """Something like speech: harmonics whose pitch, colour and loudness change at random."""
    random = np.random.default_rng(seed)
    n = int(seconds * RATE_HZ)
    knots = np.linspace(0, n, int(seconds * 8))

    def drift(low: float, high: float) -> np.ndarray:
        return np.interp(np.arange(n), knots, random.uniform(low, high, len(knots)))

    phase = 2 * np.pi * np.cumsum(drift(100, 250)) / RATE_HZ
    wave = sum(drift(0, 1) ** 2 * np.sin(k * phase) for k in range(1, 25))
    wave = wave * drift(0.2, 1) + random.normal(0, 0.02, n)
    samples: Int16 = np.round(wave / np.abs(wave).max() * 12_000).astype(np.int16)
    return samples


def encoded(wave: Int16, kind: str, subtype: str, rate: int = RATE_HZ) -> Int16:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=kind, subtype=subtype)
    file.seek(0)
    decoded: Int16 = soundfile.read(file, dtype="int16")[0]
    return decoded


def at_half_the_rate(wave: Int16) -> Int16:
    """What is left after 8 kHz, by the Fourier transform."""
    spectrum = np.fft.rfft(wave)
    spectrum[len(spectrum) // 2 :] = 0
    return np.round(np.fft.irfft(spectrum, len(wave))).astype(np.int16)


COPIES: dict[str, Callable[[Int16], Int16]] = {
    "softer": lambda wave: (wave * 0.1).astype(np.int16),
    "clipped": lambda wave: np.clip(wave * 4.0, -32768, 32767).astype(np.int16),
    "inverted": lambda wave: -wave,
    "MP3": lambda wave: encoded(wave, "MP3", "MPEG_LAYER_III"),
    "Opus": lambda wave: encoded(wave, "OGG", "OPUS"),
    "8 kHz": at_half_the_rate,
    "silence around it": lambda wave: np.pad(wave, (6069, 3000)),
    "cut": lambda wave: wave[2777:],
}


@pytest.fixture(scope="module")
def others() -> list[Fingerprint]:
    return [fingerprint(voice(seed)) for seed in range(1, 40)]


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_a_copy_is_found_and_nothing_else(
    change: Callable[[Int16], Int16], others: list[Fingerprint]
) -> None:
    wave = voice(0)
    copy = fingerprint(change(wave))
    assert copy.sha256 != fingerprint(wave).sha256
    assert similar([fingerprint(wave), *others, copy]) == [(0, len(others) + 1)]


def test_the_hash_is_that_of_the_samples() -> None:
    wave = voice(0)
    assert fingerprint(wave).sha256 == hashlib.sha256(wave.astype("<i2").tobytes()).hexdigest()


@pytest.mark.parametrize("samples", [0, 40, 4096, 4096 + 256 * 4])
def test_short_sounds_are_similar_to_nothing(samples: int) -> None:
    wave = voice(0)[:samples]
    assert similar([fingerprint(wave), fingerprint(wave)]) == []


def test_of_no_sounds_none_are_similar() -> None:
    assert similar([]) == []


def test_silence_is_similar_to_nothing() -> None:
    silence = fingerprint(np.zeros(RATE_HZ * 2, np.int16))
    assert similar([silence, silence]) == []


@pytest.mark.parametrize("size", [1, 100, 256, 5000])
def test_a_wave_in_blocks_has_the_print_of_the_whole(size: int) -> None:
    wave = voice(0)[:6000]
    printing, whole = Printing(), fingerprint(wave)
    blocks = [wave[at : at + size] for at in range(0, len(wave), size)]
    assert np.concatenate([*printing.through(blocks)]).tolist() == wave.tolist()
    made = printing.made()
    assert made.sha256 == whole.sha256
    assert made.bits_T.tolist() == whole.bits_T.tolist()
    assert made.clear_T.tolist() == whole.clear_T.tolist()


def test_a_long_wave_has_the_print_of_its_frames() -> None:
    """A wave that is computed in blocks: its last frames are those of the end alone."""
    wave = voice(0, seconds=20)
    tail = fingerprint(wave[256 * 1100 :])
    assert (fingerprint(wave).bits_T[1100:] == tail.bits_T).all()
