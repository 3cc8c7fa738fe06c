"""The sound of MP4 files: what is decoded, and what must be refused with one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mfsn.audio.decoding import decode, load, probe
from mfsn.audio.mp4 import is_mp4
from mfsn.errors import AudioError

RATE = 48_000
CHANNELS = {"mono": 1, "stereo": 2, "3.0": 3}


def write(path: Path, layout: str = "mono", seconds: float = 1.0) -> Path:
    """A tone of 440 Hz in the first channel, and silence in the others."""
    wave = np.zeros((CHANNELS[layout], round(seconds * RATE)), dtype=np.float32)
    wave[0] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(wave.shape[1]) / RATE)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout=layout, bit_rate=256_000)
        for start in range(0, wave.shape[1], 1024):
            piece = np.ascontiguousarray(wave[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("layout", CHANNELS)
def test_all_channels_are_decoded_and_their_mean_is_taken(tmp_path: Path, layout: str) -> None:
    path = write(tmp_path / "a.mp4", layout)
    samples_NC, rate = decode(path)
    assert rate == RATE
    assert samples_NC.shape[1] == CHANNELS[layout]
    assert samples_NC.dtype == np.float64
    wave = load(path, 16_000)[1000:15_000]
    assert np.abs(np.fft.rfft(wave, 16_000)).argmax() == 440
    assert np.sqrt(2 * np.mean(wave**2)) == pytest.approx(0.5 / CHANNELS[layout], rel=0.05)


def test_the_sound_starts_where_it_starts(tmp_path: Path) -> None:
    """The frames that an AAC encoder puts before the sound are not sound."""
    samples_NC, _ = decode(write(tmp_path / "a.mp4"))
    assert 0 <= len(samples_NC) - RATE < 1024
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert np.abs(samples_NC[2000:46_000, 0] - expected[2000:46_000]).max() < 0.05


def test_probe_reads_the_header(tmp_path: Path) -> None:
    info = probe(write(tmp_path / "a.mp4", "stereo", 0.5))
    assert (info.sample_rate_hz, info.channels) == (RATE, 2)
    assert info.duration_s == pytest.approx(0.5, abs=0.03)


def test_twice_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    np.testing.assert_array_equal(decode(path)[0], decode(path)[0])


def test_what_begins_like_an_mp4_file_is_one(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4").rename(tmp_path / "a.wav")
    assert is_mp4(tmp_path / "a.wav")
    (tmp_path / "b.mp4").write_bytes(b"RIFF")
    assert not is_mp4(tmp_path / "b.mp4")
    assert not is_mp4(tmp_path)


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-33])
    for reads in (decode, probe):
        with pytest.raises(
            AudioError, match=r"a\.mp4 is truncated: it is 33 bytes shorter than its boxes say"
        ):
            reads(path)


def test_damage_within_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"a\.mp4 cannot be read as audio \(Invalid data"):
        decode(path)


def test_a_file_without_a_sound_track_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"a\.mp4 contains no samples; "):
        decode(path)


def test_without_pyav_the_message_says_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        AudioError, match=r"needs PyAV; install it with `pip install 'mfsn\[meld\]'`"
    ):
        decode(path)
