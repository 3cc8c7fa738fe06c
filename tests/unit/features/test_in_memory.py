"""What can be predicted: paths, open files, and arrays with their rate."""

from __future__ import annotations

import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mfsn.errors import PredictionError
from mfsn.features.extraction.in_memory import load_recordings
from mfsn.segments.config import SegmentConfig

SEGMENT = SegmentConfig(duration_s=0.5)
RATE = 22_050
NOISE = np.random.default_rng(0).integers(-9_000, 9_000, (30_000, 2), dtype=np.int16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", NOISE, RATE)
    return tmp_path / "a.wav"


def unnamed(path: Path) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the test)
    file.write(path.read_bytes())
    file.seek(0)
    return file


def test_every_kind_of_recording_gives_the_same_segments(path: Path) -> None:
    with path.open("rb") as opened, unnamed(path) as temporary:
        sources = [
            path, str(path), opened, io.BytesIO(path.read_bytes()), temporary, (NOISE.T, RATE),
            (NOISE.T / 32768, float(RATE)),
        ]  # fmt: skip
        found, failures = load_recordings(sources, SEGMENT)
    assert not failures
    first = found[0]
    assert first.valid_S.tolist() == [8000, 8000, -(-30_000 * 16_000 // RATE) - 16_000]
    for other in found[1:]:
        np.testing.assert_array_equal(other.waves, first.waves)
        np.testing.assert_array_equal(other.valid_S, first.valid_S)
    named = [str(path)] * 3 + [f"recording {number}" for number in (4, 5, 6, 7)]
    assert [recording.path for recording in found] == named


@pytest.mark.parametrize("kind", ["text", "path", "open", "wave and rate"])
def test_one_recording_needs_no_list(path: Path, kind: str) -> None:
    one: dict[str, Any] = {
        "text": str(path), "path": path, "open": io.BytesIO(path.read_bytes()),
        "wave and rate": (NOISE.T, np.int64(RATE)),
    }  # fmt: skip
    found, failures = load_recordings(one[kind], SEGMENT)
    assert (len(found), failures) == (1, [])


@pytest.mark.parametrize("several", [tuple, list, iter])
def test_several_come_in_any_collection(path: Path, several: Any) -> None:
    found, _ = load_recordings(several([path, str(path)]), SEGMENT)
    assert len(found) == 2


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (NOISE.T, "recording 1 is a ndarray, .* a tuple"),
        ([io.StringIO("x")], "recording 1 is a StringIO, .* binary mode"),
        ([(NOISE.T, "16k")], "recording 1 has a rate of 16k; give a whole number of hertz"),
        ([(NOISE.T, 0)], "a rate of 0"),
        ([(NOISE.T, float("nan"))], "a rate of nan"),
        ([(NOISE.T, 22_050.5)], "a rate of 22050.5"),
        ([(NOISE, RATE)], r"recording 1 has the shape \(30000, 2\)"),
        ([io.BytesIO(b"x")], "recording 1 cannot be read as audio"),
        ([None], "recording 1 is a NoneType"),
        (16_000, "recording 1 is a int"),
    ],
)
def test_what_is_no_recording_is_named(source: Any, says: str) -> None:
    (failure,) = load_recordings(source, SEGMENT)[1]
    assert re.search(says, failure), failure


def test_what_is_no_recording_does_not_hinder_the_others() -> None:
    found, failures = load_recordings([(NOISE.T, RATE), None, (NOISE.T, RATE)], SEGMENT)  # type: ignore[list-item]
    assert [recording.path for recording in found] == ["recording 1", "recording 3"]
    assert len(failures) == 1


def test_nothing_is_refused() -> None:
    with pytest.raises(PredictionError, match="there is no recording"):
        load_recordings([], SEGMENT)


def test_whatever_a_decoder_raises_is_a_sentence_and_the_others_are_read(
    path: Path, tmp_path: Path
) -> None:
    broken = tmp_path / os.fsdecode(b"caf\xe9.flac")
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).normal(0, 0.1, 20_000), 16_000)
    broken.write_bytes((tmp_path / "a.flac").read_bytes()[:9_000])
    loaded, failures = load_recordings([str(broken), str(path)], SegmentConfig())
    assert [recording.path for recording in loaded] == [str(path)]
    assert len(failures) == 1
    assert failures[0].startswith(f"{tmp_path}/caf\\xe9.flac cannot be read as audio")
    failures[0].encode("utf-8")


def test_recordings_at_the_end_of_the_range_and_constants_are_doubtful() -> None:
    loud, still = np.resize([1.5, -1.5, 0.1], 3_000), np.full(3_000, 0.25)
    loaded, _ = load_recordings([(loud, 16_000), (still, 16_000)], SegmentConfig())
    assert [recording.doubts for recording in loaded] == [
        ["recording 1 is clipped in 66.7% of its samples"],
        ["recording 2 is silent"],
    ]


@pytest.mark.parametrize("rate", [1, 3_999, 384_001])
def test_a_rate_that_no_recording_has_is_refused(rate: int) -> None:
    _, (failure,) = load_recordings((np.ones(100), rate), SegmentConfig())
    assert failure == (
        f"recording 1 has a rate of {rate}; give a whole number of hertz from 4000 to 384000"
    )


def test_what_is_shorter_than_a_sample_is_refused() -> None:
    _, (failure,) = load_recordings((np.ones(1), 96_000), SegmentConfig())
    assert failure == "recording 1 is too short for a sample at 16000 Hz; give more"
