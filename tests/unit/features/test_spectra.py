"""Extractors `spectrogram` and `mfcc`: layout, scale and bad parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mfsn.errors import ConfigError
from mfsn.features.config import MfccConfig, SpectrogramConfig
from mfsn.features.extractors.mfcc import MfccExtractor
from mfsn.features.extractors.spectrogram import SpectrogramExtractor

Waves = npt.NDArray[np.float32]
SAMPLES = 8_000


def spectrogram(**values: Any) -> SpectrogramExtractor:
    config = SpectrogramConfig.parse({"dtype": "float32"} | values, "test")
    return SpectrogramExtractor(config, 16_000, SAMPLES)


def mfcc(**values: Any) -> MfccExtractor:
    return MfccExtractor(MfccConfig.parse(values, "test"), 16_000, SAMPLES)


def levels(extractor: SpectrogramExtractor, waves: Waves) -> dict[str, npt.NDArray[np.float32]]:
    return extractor.extract(waves, np.full(len(waves), SAMPLES))


def sine(frequency_hz: float, amplitude: float = 1.0) -> Waves:
    time = np.arange(SAMPLES) / 16_000
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)[None]


def test_a_full_scale_sine_has_the_level_that_the_docstring_states() -> None:
    rows = levels(spectrogram(), sine(1_000))
    frame = rows["level_db"][0, 25]
    assert frame.argmax() == 50  # 20 Hz a bin
    assert frame[50] == pytest.approx(44.75, abs=0.01)
    assert "44.75" in (SpectrogramExtractor.__doc__ or "")


def test_half_the_amplitude_is_six_db_less() -> None:
    loud, soft = (levels(spectrogram(), sine(1_000, a))["level_db"][0, 25, 50] for a in (1, 0.5))
    assert loud - soft == pytest.approx(20 * np.log10(2), abs=1e-3)


def test_silence_lies_at_the_floor() -> None:
    rows = levels(spectrogram(floor_db=-90.0), np.zeros((2, SAMPLES), np.float32))
    assert np.allclose(rows["level_db"], -90, atol=1e-4)
    assert np.allclose(rows["max_db"], -90, atol=1e-4)


def test_the_maximum_counts_the_bins_that_are_not_kept() -> None:
    rows = levels(spectrogram(), sine(6_000))
    assert rows["max_db"][0] == pytest.approx(44.75, abs=0.1)
    assert rows["level_db"][0, 10:40].max() < 0


def test_frames_come_before_bins() -> None:
    late = sine(1_000)
    late[:, : SAMPLES // 2] = 0
    level_db = levels(spectrogram(), late)["level_db"][0]
    assert level_db.shape == (50, 200)
    assert level_db[:20].max() == pytest.approx(-100, abs=1e-4)
    assert level_db[30:].max() > 40


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"window_ms": 40.01}, "spectrogram.window_ms 40.01 is not a whole number of samples"),
        ({"hop_ms": 10.01}, "spectrogram.hop_ms 10.01 is not a whole number of samples"),
        ({"hop_ms": 15.0}, "spectrogram.hop_ms gives a hop of 240 samples, but a segment of 8000"),
        ({"n_fft": 512}, "spectrogram.window_ms is 640 samples, more than n_fft 512"),
        ({"bins": 402}, "spectrogram.bins 402: n_fft 800 gives 401 bins"),
    ],
)
def test_spectrogram_parameters_that_contradict_each_other(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        spectrogram(**values)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"hop_ms": 10.01}, "mfcc.hop_ms 10.01 is not a whole number of samples"),
        ({"hop_ms": 15.0}, "mfcc.hop_ms gives a hop of 240 samples, but a segment of 8000"),
        ({"coefficients": 129}, "mfcc.coefficients 129: there are 128 mel_bins only"),
        ({"n_fft": 400}, r"mfcc.mel_bins 128: \d+ of the filters fall between .* n_fft 400"),
    ],
)
def test_mfcc_parameters_that_contradict_each_other(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        mfcc(**values)


def test_top_db_counts_from_the_row_and_not_from_the_batch(waves: Waves) -> None:
    quiet = waves[:1] * np.float32(1e-6)
    both = np.concatenate([waves[1:2], quiet])
    alone, beside = (mfcc().extract(w, np.full(len(w), SAMPLES))["mfcc"] for w in (quiet, both))
    assert np.allclose(alone[0], beside[1], atol=1e-3)


@pytest.mark.parametrize("make", [spectrogram, mfcc])
def test_every_parameter_is_part_of_the_identity(make: Any) -> None:
    default = make()
    change: dict[str, Any] = {
        "hop_ms": 20.0,
        "n_fft": 4096,
        "floor_db": -80.0,
        "top_db": 60.0,
        "bins": 100,
    }
    change |= {"coefficients": 13, "mel_bins": 64, "window_ms": 20.0, "dtype": "float16"}
    for name in default.about["config"]:
        assert make(**{name: change[name]}).parameters != default.parameters, name
    assert default.about["weights"] == "none"
