"""How one utterance of the demo sounds, measured on the samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from mfsn.base.arrays import Int16
from mfsn.corpora.demo.plan import Spoken
from mfsn.corpora.demo.voice import utter

FLAT = {
    "pitch": 50.0, "range": 0.0, "rate": 160.0, "level_db": -30.0, "fade_db": 0.0, "first": 0.0,
    "middle": 0.0, "last": 0.0,
}  # fmt: skip
SPOKEN = Spoken(
    name="v01-neutral-neutral-medium-1",
    speaker="v01",
    session="1",
    gender="female",
    emotion="neutral",
    sentence_emotion="neutral",
    text="You & I know one man in a million",
    voice="en-us+f1",
    mark=".",
    prosody=FLAT,
    ratings={},
)


def say(**prosody: float) -> Int16:
    return utter(replace(SPOKEN, prosody=FLAT | prosody), 16_000)


def level_db(samples: Int16) -> float:
    return float(20 * np.log10(np.sqrt(np.mean((samples / 32768) ** 2))))


def pitches_hz(samples: Int16) -> list[float]:
    """Pitch of the loud frames, by autocorrelation between 80 and 500 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples / 32768, 1024)[::512]
    loud = [f for f in frames if np.sqrt(np.mean(f**2)) > 0.5 * np.sqrt(np.mean(frames**2))]
    correlations = [np.correlate(frame, frame, "full")[1023:] for frame in loud]
    return [16_000 / (32 + int(c[32:200].argmax())) for c in correlations]


@pytest.mark.parametrize("level", [-40.0, -20.0])
def test_the_level_is_met(level: float) -> None:
    assert level_db(say(level_db=level)) == pytest.approx(level, abs=0.1)


def test_fading_moves_loudness_to_one_end() -> None:
    def tilt_db(samples: Int16) -> float:
        half = len(samples) // 2
        return level_db(samples[half:]) - level_db(samples[:half])

    change = tilt_db(say(fade_db=12.0)) - tilt_db(say(fade_db=-12.0))
    assert 8 < change < 16  # halves are half of 24 dB apart


def test_faster_speech_is_shorter() -> None:
    assert len(say(rate=120)) > 1.4 * len(say(rate=200))


def test_pitch_and_range_are_heard() -> None:
    assert np.median(pitches_hz(say(pitch=90))) > 1.4 * np.median(pitches_hz(say(pitch=20)))
    assert np.std(pitches_hz(say(range=100))) > 3 * np.std(pitches_hz(say(range=0)))


def test_the_contour_bends_the_pitch_of_the_words() -> None:
    def rise(contour: Mapping[str, float]) -> float:
        pitches = pitches_hz(say(**contour))
        third = len(pitches) // 3
        return float(np.median(pitches[-third:]) / np.median(pitches[:third]))

    assert rise({"first": -30, "last": 30}) > 1.2
    assert rise({"first": 30, "last": -30}) < 0.85


@pytest.mark.parametrize("beyond", [{"pitch": 140, "range": -20}, {"pitch": -30, "range": 130}])
def test_values_beyond_the_scale_are_held_at_its_ends(beyond: dict[str, float]) -> None:
    ends = {name: float(min(max(value, 0), 100)) for name, value in beyond.items()}
    np.testing.assert_array_equal(say(**beyond), say(**ends))


def test_there_is_no_silence_around_it() -> None:
    samples = say()
    loudest = np.abs(samples).max()
    for end in (samples[:1600], samples[-1600:]):  # 0.1 s
        assert np.abs(end).max() > 0.01 * loudest


def test_the_rate_is_the_one_asked_for() -> None:
    slow, fast = utter(SPOKEN, 8_000), utter(SPOKEN, 16_000)
    assert len(fast) == pytest.approx(2 * len(slow), abs=700)  # whole periods of both rates
    assert np.abs(np.fft.rfft(slow)).argmax() / len(slow) * 8_000 == pytest.approx(
        np.abs(np.fft.rfft(fast)).argmax() / len(fast) * 16_000, rel=0.02
    )
