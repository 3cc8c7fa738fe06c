"""Recordings in memory: arrays as samples, and bytes as files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mfsn.audio.decoding import decode, load
from mfsn.audio.in_memory import FileInMemory, samples_of
from mfsn.errors import AudioError

RATE = 16_000
NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, (2_000, 2))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_bytes_are_decoded_as_the_file_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, NOISE, RATE)
    held = FileInMemory("upload", path.read_bytes())
    (expected, rate), (found, found_rate) = decode(path), decode(held)
    assert rate == found_rate
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(load(held, 8_000), load(path, 8_000))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda content: content[:-40], "upload is truncated: it is 40 bytes"),
        (lambda content: b"", "upload contains no samples"),
        (lambda content: b"not audio", "upload cannot be read as audio"),
        (lambda content: b"\0\0\0\x08ftyp" + b"\0\0\x10\0moov", "upload"),
    ],
)
def test_bytes_that_cannot_be_decoded_are_named(spoil: object, says: str) -> None:
    content = io.BytesIO()
    soundfile.write(content, NOISE, RATE, format="WAV")
    with pytest.raises(AudioError, match=f"^{says}") as raised:
        decode(FileInMemory("upload", spoil(content.getvalue())))  # type: ignore[operator]
    assert "; " in str(raised.value)


def test_samples_are_scaled_and_put_upright() -> None:
    numbers = np.array([[-32768, 0, 16384], [32767, 1, -1]], np.int16)
    expected = np.array([[-32768, 32767], [0, 1], [16384, -1]]) / 32768
    np.testing.assert_array_equal(samples_of(numbers, "x"), expected)
    np.testing.assert_array_equal(samples_of(numbers[0], "x"), expected[:, :1])
    np.testing.assert_array_equal(samples_of(expected.T.tolist(), "x"), expected)
    assert samples_of(expected.T.astype(np.float32), "x").dtype == np.float64
    np.testing.assert_array_equal(samples_of([1.5, -2.0], "x"), [[1.5], [-2.0]])  # an overshoot


@pytest.mark.parametrize(
    ("wave", "says"),
    [
        (np.zeros((100, 2)), r"x has the shape \(100, 2\); .* transpose"),
        (np.zeros((1, 1, 100)), "x has the shape"),
        (np.float32(0.5), "x has the shape"),
        (np.zeros(0), "x holds no samples"),
        (np.zeros((2, 0)), "x holds no samples"),
        (np.array([0.0, np.nan]), "NaN or infinite"),
        (np.array([0.0, 3_000.0]), "samples up to 3000; .* 32768"),
        (np.zeros(100, np.int32), "type int32"),
        (np.zeros(100, np.uint8), "type uint8"),
        (np.array(["a"]), "type <U1"),
    ],
)
def test_arrays_that_are_no_recording_are_refused(wave: object, says: str) -> None:
    with pytest.raises(AudioError, match=says):
        samples_of(wave, "x")  # type: ignore[arg-type]
