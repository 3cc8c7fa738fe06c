"""Resampling: quality against tones that are known exactly, and memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mfsn.audio.decoding import Mono, load_wave
from mfsn.audio.level import level_of
from mfsn.audio.resampling import resample, resample_blocks

RATE = 16_000


def tones(rate: int, samples: int) -> np.ndarray:
    """Tones up to 3,001 Hz, whose samples at any rate are known."""
    time = np.arange(samples) / rate
    hertz = np.array([[100], [997], [3_001]])
    wave: np.ndarray = 0.1 * np.sin(2 * np.pi * hertz * time + hertz).sum(axis=0)
    return wave


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 44_101, 48_000, 192_000])
def test_tones_are_resampled_to_what_they_are_at_the_other_rate(rate: int) -> None:
    if rate < RATE:  # 8,000 Hz holds tones up to 4,000 Hz only
        wave = 0.3 * np.sin(2 * np.pi * 997 * np.arange(2 * rate) / rate)
        expected = 0.3 * np.sin(2 * np.pi * 997 * np.arange(2 * RATE) / RATE)
    else:
        wave, expected = tones(rate, 2 * rate), tones(RATE, 2 * RATE)
    found = resample(wave, rate, RATE)
    assert len(found) == 2 * RATE
    inner = slice(2_000, -2_000)
    noise = np.sum((found[inner] - expected[inner]) ** 2)
    assert 10 * np.log10(np.sum(expected[inner] ** 2) / noise) > 90


def test_what_the_new_rate_cannot_hold_is_gone() -> None:
    high = np.sin(2 * np.pi * 9_000 * np.arange(96_000) / 48_000)
    assert np.abs(resample(high, 48_000, RATE)[2_000:-2_000]).max() < 1e-5


@pytest.mark.parametrize("size", [1, 1_000, 1 << 18])
def test_how_a_wave_is_divided_changes_nothing(size: int) -> None:
    wave = np.random.default_rng(0).normal(0, 0.1, 3_001)
    blocks = (wave[start : start + size] for start in range(0, len(wave), size))
    found = np.concatenate(list(resample_blocks(blocks, 44_100, RATE)))
    np.testing.assert_array_equal(found, resample(wave, 44_100, RATE))


def test_a_long_wave_needs_little_memory() -> None:
    def silence() -> Iterator[np.ndarray]:
        for _ in range(100):
            yield np.zeros(48_000)

    tracemalloc.start()
    samples = sum(len(block) for block in resample_blocks(silence(), 48_000, RATE))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert samples == 100 * RATE
    assert peak < 4e6  # the wave has 38 MB


def test_a_file_is_listened_to_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    with soundfile.SoundFile(path, "w", 48_000, 8) as file:
        for _ in range(20):
            file.write(np.zeros((48_000, 8)))
    tracemalloc.start()
    mono = Mono(path, RATE)
    assert sum(len(block) for block in mono) == 20 * RATE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mono.frames == 20 * 48_000
    assert peak < 16e6  # the samples have 61 MB
    assert level_of([load_wave(path, RATE).samples]).peak == 0
