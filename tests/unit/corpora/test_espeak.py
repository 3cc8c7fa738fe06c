"""eSpeak NG as a library: the same text gives the same samples, whatever came before."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from mfsn.corpora.demo.espeak import speak
from mfsn.errors import CorpusError

TEXT = "<speak>It is Tuesday.</speak>"


@pytest.mark.parametrize("voice", ["en-us+f1", "en-us+f3"])  # f3 breathes: noise
def test_what_came_before_does_not_matter(voice: str) -> None:
    first, rate = speak(TEXT, voice, 170, 50, 50)
    speak("<speak>Something else!</speak>", "en-us+m3", 200, 80, 90)
    ctypes.CDLL(None).rand()
    again, _ = speak(TEXT, voice, 170, 50, 50)
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.int16
    assert rate == 22_050


def test_rate_and_voice_are_heard() -> None:
    slow, _ = speak(TEXT, "en-us+f1", 100, 50, 50)
    fast, _ = speak(TEXT, "en-us+f1", 250, 50, 50)
    other, _ = speak(TEXT, "en-us+m1", 250, 50, 50)
    assert len(slow) > 1.5 * len(fast)
    assert not np.array_equal(fast[: len(other)], other[: len(fast)])


def test_markup_is_not_read_aloud() -> None:
    plain, _ = speak("<speak>door</speak>", "en-us+f1", 170, 50, 50)
    marked, _ = speak('<speak><prosody pitch="+0%">door</prosody></speak>', "en-us+f1", 170, 50, 50)
    assert len(marked) < 1.5 * len(plain)


def test_an_unknown_voice_is_an_error() -> None:
    with pytest.raises(CorpusError, match="with voice xx-none; reinstall espeakng-loader"):
        speak(TEXT, "xx-none", 170, 50, 50)
