"""`mfsn.extract`: the features of an array, to the bit those that the cache holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import xarray

import mfsn
from mfsn.datasets import computed
from mfsn.errors import AudioError, ConfigError, WorkspaceError
from mfsn.features.registry import make_extractor
from mfsn.segments.config import SegmentConfig

LONG, SHORT = "v01-angry-sad-long-3", "v05-happy-sad-short-1"
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)


def wave_of(name: str, dtype: str) -> Any:
    wave, rate = soundfile.read(f"data/corpora/demo/{name[:3]}/{name}.wav", dtype=dtype)
    assert rate == 16_000
    return wave


@pytest.mark.parametrize("extractor", ["sec", "mfcc", "functionals"])
@pytest.mark.parametrize("name", [LONG, SHORT])
def test_values_and_names_are_those_of_the_cache(in_demo: Path, extractor: str, name: str) -> None:
    cached = mfsn.open_features("demo", extractor, utterance_id=name)
    found = mfsn.extract(wave_of(name, "int16"), 16_000, extractor, utterance_id=name)
    of_corpus = {"emotion", "label", "speaker", "session"}
    xarray.testing.assert_equal(found, cached.drop_vars(of_corpus))
    for array in cached:
        assert found[array].dtype == cached[array].dtype
        assert found[array].values.tobytes() == cached[array].values.tobytes()
    assert found.attrs == {"extractor": extractor, "weights": cached.attrs["weights"]}


def test_floats_and_channels_are_the_same_recording(in_demo: Path) -> None:
    expected = mfsn.extract(wave_of(LONG, "int16"), 16_000, "mfcc")
    wave = wave_of(LONG, "float64")
    for same in (wave, wave.astype(np.float32), np.stack([wave, wave]), wave[None]):
        xarray.testing.assert_identical(mfsn.extract(same, 16_000.0, "mfcc"), expected)


def test_parameters_can_be_given_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError):
        mfsn.extract(NOISE, 16_000, "mfcc")
    found = mfsn.extract(NOISE, 16_000, "mfcc", {"coefficients": 13})
    assert found["mfcc"].shape == (1, 300, 13)
    cut = SegmentConfig(duration_s=0.5)
    found = mfsn.extract(NOISE, 8_000, "mfcc", {}, segment=cut, utterance_id="u")
    assert found["segment_id"].values.tolist() == ["u#0", "u#1", "u#2", "u#3", "u#4"]
    assert found["start_s"].values.tolist() == [0, 0.5, 1, 1.5, 2]
    assert found["valid_samples"].values.tolist() == [8000] * 5  # 20,000 at 8 kHz are 40,000 here


def test_a_recording_is_cut_as_the_checkout_says(in_demo: Path) -> None:
    assert mfsn.extract(NOISE, 16_000, "mfcc", workspace=in_demo).sizes["frame"] == 300
    cut = SegmentConfig(duration_s=1.0)
    assert mfsn.extract(NOISE, 16_000, "mfcc", segment=cut).sizes["segment_id"] == 2


def test_an_extractor_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    original = make_extractor

    def noting(name: str, *arguments: Any) -> Any:
        made.append(name)
        return original(name, *arguments)

    computed._made.cache_clear()
    monkeypatch.setattr(computed, "make_extractor", noting)
    for _ in range(3):
        mfsn.extract(NOISE, 16_000, "mfcc", {})
    mfsn.extract(NOISE, 16_000, "mfcc", {"coefficients": 13})
    assert made == ["mfcc", "mfcc"]


def test_an_encoder_that_was_trained_in_place_is_another(tmp_path: Path) -> None:
    class Config:
        model = str(tmp_path)

    weights = tmp_path / "model.safetensors"
    weights.write_text("first")
    before = computed._changes(Config)
    assert computed._changes(Config) == before
    os.utime(weights, (0, 0))
    assert computed._changes(Config) != before
    assert computed._changes(object()) == ()


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((NOISE, 16_000, "mfccs", {}), ConfigError, "no extractor 'mfccs' .did you mean mfcc"),
        ((NOISE, 16_000, "mfcc", {"bands": 3}), ConfigError, "mfcc: bands is not a parameter"),
        ((NOISE, 0, "mfcc", {}), AudioError, "recording has a rate of 0; give a whole number"),
        ((NOISE * 30_000, 16_000, "mfcc", {}), AudioError, "divide samples .* by 32768"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    arguments: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        mfsn.extract(*arguments)
    assert "\n" not in str(raised.value)
