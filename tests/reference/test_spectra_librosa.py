"""Spectrogram and MFCC beside librosa's.

Tolerance: 0.01 dB for levels within 90 dB of their frame's maximum and 0.1 dB below that, where
float32 Fourier transforms differ; 0.005 for MFCC, whose sizes go to some hundreds, and 0.05 where
`top_db` lets such low levels count.
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from mfsn.features.config import MfccConfig, SpectrogramConfig
from mfsn.features.extractors.mfcc import MfccExtractor
from mfsn.features.extractors.spectrogram import SpectrogramExtractor

SAMPLES = 48_000
LEVEL_TOLERANCE_DB = 0.01
MFCC_TOLERANCE = 0.005

Wave = npt.NDArray[np.float32]


def sounds() -> dict[str, Wave]:
    time = np.arange(SAMPLES) / 16_000
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal(SAMPLES)
    short = noise.copy()
    short[9_000:] = 0
    made = {
        "decaying tone": 0.5 * np.sin(2 * np.pi * 220 * time) * np.exp(-time),
        "chirp": 0.9 * np.sin(2 * np.pi * (100 + 900 * time) * time),
        "noise": noise,
        "short, padded": short,
        "silence": np.zeros(SAMPLES),
    }
    return {n: (np.rint(w * 32767) / 32768).astype(np.float32) for n, w in made.items()}


def assert_level_as_librosa(wave: Wave) -> None:
    config = SpectrogramConfig(dtype="float32")
    rows = SpectrogramExtractor(config, 16_000, SAMPLES).extract(wave[None], np.array([SAMPLES]))
    magnitude = np.abs(
        librosa.stft(wave, n_fft=800, win_length=640, hop_length=160, window="hamming")
    )
    level = librosa.amplitude_to_db(magnitude, ref=1.0, amin=1e-5, top_db=None)
    assert level.shape == (401, 301)
    difference = np.abs(rows["level_db"][0] - level[:200, :300].T)
    within = (level > level.max(axis=0) - 90)[:200, :300].T
    assert difference[within].max() < LEVEL_TOLERANCE_DB
    assert difference.max() < 10 * LEVEL_TOLERANCE_DB
    assert abs(rows["max_db"][0] - level.max()) < LEVEL_TOLERANCE_DB


def assert_mfcc_as_librosa(wave: Wave) -> None:
    rows = MfccExtractor(MfccConfig(), 16_000, SAMPLES).extract(wave[None], np.array([SAMPLES]))
    expected = librosa.feature.mfcc(y=wave, sr=16_000, n_mfcc=40, hop_length=160, htk=True)
    assert np.abs(rows["mfcc"][0] - expected[:, :300].T).max() < MFCC_TOLERANCE


@pytest.mark.parametrize("name", sounds())
def test_levels_are_librosas(name: str) -> None:
    assert_level_as_librosa(sounds()[name])


@pytest.mark.parametrize("name", sounds())
def test_mfcc_are_librosas(name: str) -> None:
    assert_mfcc_as_librosa(sounds()[name])


@pytest.mark.parametrize(
    ("top_db", "tolerance"), [(20.0, MFCC_TOLERANCE), (120.0, 10 * MFCC_TOLERANCE)]
)
def test_top_db_is_librosas(top_db: float, tolerance: float) -> None:
    wave = sounds()["decaying tone"]
    config = MfccConfig(coefficients=13, mel_bins=40, n_fft=512, hop_ms=5.0, top_db=top_db)
    rows = MfccExtractor(config, 16_000, SAMPLES).extract(wave[None], np.array([SAMPLES]))
    mel = librosa.feature.melspectrogram(
        y=wave, sr=16_000, n_fft=512, hop_length=80, n_mels=40, htk=True
    )
    level = librosa.power_to_db(mel, top_db=top_db)
    expected = librosa.feature.mfcc(S=level, n_mfcc=13)
    assert np.abs(rows["mfcc"][0] - expected[:, :600].T).max() < tolerance


def test_the_published_reference_can_be_taken_at_read() -> None:
    """CA-MSER's level, relative to the utterance's maximum, from what is cached."""
    wave = sounds()["chirp"]
    config = SpectrogramConfig(dtype="float32")
    rows = SpectrogramExtractor(config, 16_000, SAMPLES).extract(wave[None], np.array([SAMPLES]))
    published = librosa.amplitude_to_db(
        np.abs(librosa.stft(wave, n_fft=800, win_length=640, hop_length=160, window="hamming")),
        ref=np.max,
    )[:200, :300].T
    relative = np.maximum(rows["level_db"][0] - rows["max_db"][0], -80)
    assert np.abs(relative - published).max() < 2 * LEVEL_TOLERANCE_DB


@pytest.mark.corpus
def test_real_speech_is_as_librosas(shared_corpora: Path) -> None:
    for path in sorted((shared_corpora / "ravdess_flac16k" / "Actor_01").iterdir())[:4]:
        wave, rate = soundfile.read(path, dtype="float32")
        assert rate == 16_000
        assert_level_as_librosa(wave[:SAMPLES])
        assert_mfcc_as_librosa(wave[:SAMPLES])
