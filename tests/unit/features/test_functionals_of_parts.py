"""Functionals of several sets, of speech without silence, of parts, of copies at other speeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.errors import ConfigError
from mfsn.features.config import FunctionalsConfig
from mfsn.features.extractors.functionals import FunctionalsExtractor
from mfsn.features.extractors.trimming import at_speed, equal_parts, without_silence
from mfsn.features.registry import remake_extractor

Wave = npt.NDArray[np.float32]
RATE = 16_000


def make(**values: Any) -> FunctionalsExtractor:
    return FunctionalsExtractor(FunctionalsConfig.parse(values, "test"), RATE)


def rows(extractor: FunctionalsExtractor, wave: Wave) -> dict[str, Wave]:
    found = extractor.extract(wave[None], np.array([len(wave)]))
    return {name: values[0] for name, values in found.items()}


@pytest.fixture(scope="module")
def tone() -> Wave:
    time = np.arange(8_000) / RATE
    return (0.3 * np.sin(2 * np.pi * 200 * time) * (1 + time)).astype(np.float32)


@pytest.fixture(scope="module")
def surrounded(tone: Wave) -> Wave:
    return np.concatenate([np.zeros(9_600, np.float32), tone, np.zeros(6_400, np.float32)])


def test_silence_around_speech_goes_but_for_a_margin(tone: Wave, surrounded: Wave) -> None:
    found = without_silence(surrounded, 35.0, RATE)
    assert len(tone) + 2 * 800 - 320 <= len(found) <= len(tone) + 2 * 800 + 2 * 400
    start = 9_600 - (len(surrounded) - 6_400 - len(tone) - 9_600)
    assert np.array_equal(np.trim_zeros(found), np.trim_zeros(surrounded[start:]))


def test_a_silence_within_speech_stays(tone: Wave) -> None:
    pause = np.concatenate([tone, np.zeros(8_000, np.float32), tone])
    assert np.array_equal(without_silence(pause, 35.0, RATE), pause)


@settings(deadline=None, max_examples=25)
@given(samples=st.integers(1, 4_000), gain=st.sampled_from([0.0, 1e-3, 1.0]))
def test_what_stays_is_a_piece_of_the_wave(samples: int, gain: float) -> None:
    wave = np.random.default_rng(samples).normal(0, gain, samples).astype(np.float32)
    found = without_silence(wave, 10.0, RATE)
    assert len(found) >= 1
    assert np.shares_memory(found, wave)
    assert gain or len(found) == samples


def test_nothing_is_cut_from_a_wave_that_is_not_finite(tone: Wave) -> None:
    broken = tone.copy()
    broken[10] = np.nan
    assert len(without_silence(broken, 35.0, RATE)) == len(broken)


@pytest.mark.parametrize("samples", [1, 2, 7, 100])
def test_parts_are_as_long_as_each_other_and_never_empty(samples: int) -> None:
    wave = np.arange(1, samples + 1, dtype=np.float32)
    parts = equal_parts(wave, 3)
    lengths = [len(part) for part in parts]
    assert min(lengths) >= 1
    assert max(lengths) - min(lengths) <= 1
    assert np.array_equal(np.trim_zeros(np.concatenate(parts)), wave)


@pytest.mark.parametrize(("speed", "samples"), [(0.9, 8_889), (1.25, 6_400)])
def test_a_copy_is_slower_or_faster_and_lower_or_higher(
    tone: Wave, speed: float, samples: int
) -> None:
    copy = at_speed(tone, speed, RATE)
    assert len(copy) == samples
    peak_hz = np.abs(np.fft.rfft(copy * np.hanning(samples))).argmax() * RATE / samples
    assert peak_hz == pytest.approx(200 * speed, abs=RATE / samples)


def test_sets_and_parts_stand_side_by_side(surrounded: Wave) -> None:
    sets = ["mfcc", "eGeMAPSv02"]
    found = rows(make(set=sets, parts=[1, 2], trim_db=35.0), surrounded)["functionals"]
    speech = without_silence(surrounded, 35.0, RATE)
    pieces = [speech, *equal_parts(speech, 2)]
    expected = [rows(make(set=name), piece)["functionals"] for name in sets for piece in pieces]
    assert np.array_equal(found, np.concatenate(expected))


def test_a_copy_is_made_of_the_speech(surrounded: Wave) -> None:
    found = rows(make(speeds=[0.9, 1.1], trim_db=35.0), surrounded)
    assert list(found) == ["functionals", "speed_0.9", "speed_1.1"]
    copy = at_speed(without_silence(surrounded, 35.0, RATE), 1.1, RATE)
    assert np.array_equal(found["speed_1.1"], rows(make(), copy)["functionals"])


def test_the_blocks_say_how_a_vector_is_joined() -> None:
    extractor = make(set=["mfcc", "eGeMAPSv02"], parts=[1, 2])
    assert extractor.about["blocks"] == [320, 640, 88, 176]
    assert extractor.arrays[0].shape == (320 + 640 + 88 + 176,)


def test_older_rows_keep_their_keys() -> None:
    extractor = make()
    assert set(extractor.parameters) == {"set", "mfcc", "quantiles"}
    assert extractor.about == {"config": {"set": "mfcc"}, "weights": "none"}


@pytest.mark.parametrize(
    "values", [{"parts": [2]}, {"trim_db": 35.0}, {"speeds": [0.9]}, {"set": ["mfcc"]}]
)
def test_every_parameter_is_part_of_the_key(values: dict[str, Any]) -> None:
    assert make(**values).parameters != make().parameters


def test_only_copies_at_other_speeds_depend_on_the_resampler() -> None:
    assert make(speeds=[0.9]).parameters["resampler"] == 2
    assert "resampler" not in make(parts=[2]).parameters


def test_an_extractor_is_made_again_from_what_it_said() -> None:
    values = {"set": ["mfcc", "eGeMAPSv02"], "trim_db": 30.0, "parts": [1, 3], "speeds": [1.2]}
    extractor = make(**values)
    again = remake_extractor("functionals", extractor.about, RATE, 48_000)
    assert again.parameters == extractor.parameters
    assert again.arrays == extractor.arrays


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"set": ["mfcc", "mfcc"]}, "set holds something twice"),
        ({"parts": [1, 1]}, "parts holds something twice"),
        ({"speeds": [1.0]}, "speeds holds 1, which is the utterance itself"),
        ({"speeds": [0.1]}, "takes 0.5 or more"),
        ({"parts": []}, "takes 1 or more entries"),
        ({"set": []}, "takes mfcc, .* or 1 or more entries"),
        ({"trim_db": 0}, "takes a number above 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make(**values)
