"""MP4, MP3 and others that FFmpeg decodes: to their end, or refused with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from mfsn.audio.decoding import decode, load, probe
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
    assert len(decode(tmp_path / "a.wav")[0]) >= RATE
    (tmp_path / "b.mp4").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match=r"b\.mp4 cannot be read as audio"):
        decode(tmp_path / "b.mp4")


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


LOUD = np.random.default_rng(0).normal(0, 0.2, 32_000)
QUIET = np.zeros(32_000)
MPEG_2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def mp3(path: Path, wave: np.ndarray = LOUD) -> Path:
    soundfile.write(path, wave, 16_000, format="MP3")
    return path


def without_length(path: Path, wave: np.ndarray) -> Path:
    """An MP3 file of variable bit rate without the first frame, which holds its length."""
    soundfile.write(
        path, wave, 16_000, format="MP3", bitrate_mode="VARIABLE", compression_level=0.3
    )
    content = path.read_bytes()
    start = content.index(b"\xff\xf3")
    frame = 72_000 * MPEG_2_KBPS[content[start + 2] >> 4] // 16_000
    path.write_bytes(content[start + frame + (content[start + 2] >> 1 & 1) :])
    return path


def loudness(wave: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wave**2)))


def test_an_mp3_file_keeps_the_samples_that_were_written(tmp_path: Path) -> None:
    samples_NC, rate = decode(mp3(tmp_path / "a.mp3"))
    assert (len(samples_NC), rate) == (32_000, 16_000)
    by_libsndfile = soundfile.read(tmp_path / "a.mp3")[0]
    np.testing.assert_allclose(samples_NC[:, 0], by_libsndfile, atol=1e-5)


@pytest.mark.parametrize("order", [(LOUD, QUIET), (QUIET, LOUD)], ids=["loud", "quiet"])
def test_an_mp3_file_without_a_length_is_read_to_its_end(
    tmp_path: Path, order: tuple[np.ndarray, np.ndarray]
) -> None:
    path = without_length(tmp_path / "a.mp3", np.concatenate(order))
    wave = decode(path)[0]
    assert 64_000 <= len(wave) < 67_000  # with the padding of the encoder
    assert (loudness(wave[:30_000]) > 0.1) == (order[0] is LOUD)
    assert (loudness(wave[-28_000:]) > 0.1) == (order[1] is LOUD)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus"])
def test_joined_files_are_read_whole(tmp_path: Path, suffix: str) -> None:
    options = {"mp3": ("MP3", None), "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}[suffix]
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, LOUD, 16_000, format=options[0], subtype=options[1])
    path.write_bytes(path.read_bytes() * 2)
    wave = load(path, 16_000)
    assert 64_000 <= len(wave) < 67_000
    assert loudness(wave[-28_000:]) > 0.1


@pytest.mark.parametrize("cut", [0.5, 0.9])
@pytest.mark.parametrize("make", [mp3, without_length])
def test_an_mp3_file_that_is_cut_short_is_refused(
    tmp_path: Path, make: Callable[[Path, np.ndarray], Path], cut: float
) -> None:
    path = make(tmp_path / "a.mp3", LOUD)
    path.write_bytes(path.read_bytes()[: round(cut * path.stat().st_size) + 3])
    with pytest.raises(AudioError, match=r"a\.mp3 is truncated: "):
        decode(path)


def test_tags_of_an_mp3_file_are_no_sound(tmp_path: Path) -> None:
    content = mp3(tmp_path / "a.mp3").read_bytes()
    before = b"ID3\x03\0\0\0\0\x01\0" + bytes(128)
    (tmp_path / "b.mp3").write_bytes(before + content + b"TAG" + bytes(125))
    np.testing.assert_array_equal(decode(tmp_path / "b.mp3")[0], decode(tmp_path / "a.mp3")[0])


def encoded(path: Path, codec: str, container: str, rate: int) -> Path:
    with av.open(str(path), "w", format=container) as opened:
        stream: Any = opened.add_stream(codec, rate=rate, layout="mono")
        samples = np.resize(LOUD, 2 * rate)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate
        size = stream.codec_context.frame_size
        fitted = av.AudioResampler(stream.codec_context.format, "mono", rate, frame_size=size)
        for piece in (*fitted.resample(frame), *fitted.resample(None), None):
            opened.mux(stream.encode(piece))
    return path


@pytest.mark.parametrize(
    ("codec", "container", "rate"),
    [("aac", "adts", 16_000), ("aac", "matroska", 16_000), ("libopus", "webm", 48_000)],
)
def test_what_libsndfile_does_not_know_is_read_whole_or_refused(
    tmp_path: Path, codec: str, container: str, rate: int
) -> None:
    path = encoded(tmp_path / "a.wav", codec, container, rate)
    samples_NC, found_rate = decode(path)
    assert found_rate == rate
    assert 2 * rate <= len(samples_NC) < 2.2 * rate
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(AudioError, match=r"a\.wav (is truncated|cannot be read)"):
        decode(path)


def test_a_playlist_reads_no_other_file(tmp_path: Path) -> None:
    mp3(tmp_path / "other.mp3")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:9", "#EXTINF:9,", str(tmp_path / "other.mp3")]
    (tmp_path / "a.wav").write_text("\n".join([*lines, "#EXT-X-ENDLIST", ""]))
    with pytest.raises(AudioError, match=r"a\.wav cannot be read as audio"):
        decode(tmp_path / "a.wav")
