"""MFCC functionals beside librosa's MFCC and NumPy's statistics."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from mfsn.features.config import FunctionalsConfig
from mfsn.features.extractors.functionals import FunctionalsExtractor


@pytest.mark.parametrize("samples", [3_000, 20_000, 52_345])
def test_functionals_of_an_utterance(samples: int) -> None:
    time = np.arange(samples) / 16_000
    rng = np.random.default_rng(samples)
    tone = np.sin(2 * np.pi * 180 * time) * (1 + np.sin(7 * time))
    wave = (0.1 * tone + 0.01 * rng.standard_normal(samples)).astype(np.float32)

    extractor = FunctionalsExtractor(FunctionalsConfig(), 16_000)
    found = extractor.extract(wave[None], np.array([samples]))["functionals"][0]

    mfcc = librosa.feature.mfcc(y=wave, sr=16_000, n_mfcc=40, hop_length=160, htk=True)
    padded = np.pad(mfcc, ((0, 0), (2, 2)), mode="edge")
    frames = mfcc.shape[1]
    delta = (
        sum(n * (padded[:, 2 + n :][:, :frames] - padded[:, 2 - n :][:, :frames]) for n in (1, 2))
        / 10
    )
    standard = (mfcc - mfcc.mean(1, keepdims=True)) / mfcc.std(1, keepdims=True)
    expected = [mfcc.mean(1), mfcc.std(1), (standard**3).mean(1)]
    expected += list(np.quantile(mfcc, (0.1, 0.5, 0.9), axis=1))
    expected += [np.abs(delta).mean(1), delta.std(1)]
    assert np.allclose(found, np.concatenate(expected), rtol=1e-3, atol=5e-3)
