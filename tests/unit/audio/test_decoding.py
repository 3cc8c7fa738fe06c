"""Audio in: what is decoded, and every file that must be refused with one sentence."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from mfsn.audio.decoding import AudioInfo, cut, decode, load, probe, to_float32, to_int16
from mfsn.audio.resampling import resample
from mfsn.errors import AudioError

RATE = 16_000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pcm_format(rate: int = RATE, channels: int = 1) -> bytes:
    block = 2 * channels
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, channels, rate, rate * block, block, 16))


def test_probe_reads_the_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((44_100, 2)), 44_100)
    info = probe(tmp_path / "a.wav")
    assert info == AudioInfo(frames=44_100, sample_rate_hz=44_100, channels=2)
    assert info.duration_s == 1.0


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_samples_at_the_files_own_rate_are_exact(tmp_path: Path, suffix: str) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 1000, dtype=np.int16)
    soundfile.write(tmp_path / f"a.{suffix}", samples, RATE)
    wave = load(tmp_path / f"a.{suffix}", RATE)
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, samples.astype(np.float32) / 32768)


@pytest.mark.parametrize("suffix", ["ogg", "mp3"])
def test_lossy_formats_are_read(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / f"a.{suffix}", TONE, RATE)
    wave = load(tmp_path / f"a.{suffix}", RATE)
    assert np.sqrt(np.mean((wave - TONE) ** 2)) < 0.05


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.stack([TONE, -TONE, TONE], axis=1), RATE, "FLOAT")
    np.testing.assert_allclose(load(tmp_path / "a.wav", RATE), TONE / 3, atol=1e-7)


def test_chunks_around_the_samples_are_not_samples(tmp_path: Path) -> None:
    samples = np.arange(-50, 50, dtype="<i2")
    filler, note = chunk(b"FLLR", b"x" * 4001), chunk(b"LIST", b"INFO" + b"y" * 60_000)
    data = chunk(b"data", samples.tobytes())
    (tmp_path / "a.wav").write_bytes(riff(pcm_format(), filler, data, note))
    np.testing.assert_array_equal(to_int16(load(tmp_path / "a.wav", RATE))[0], samples)


def test_a_wav_written_to_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    body = np.arange(100, dtype="<i2").tobytes()
    streamed = b"RIFF\xff\xff\xff\xffWAVE" + pcm_format() + b"data\xff\xff\xff\xff" + body
    (tmp_path / "a.wav").write_bytes(streamed)
    assert len(load(tmp_path / "a.wav", RATE)) == 100


def half(suffix: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        whole = path.with_name(f"whole.{suffix}")
        soundfile.write(whole, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), RATE)
        data = whole.read_bytes()
        path.write_bytes(data[: len(data) // 2])

    return write


def holding(value: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        wave = TONE.copy()
        wave[100] = value
        soundfile.write(path, wave, RATE, subtype="FLOAT")

    return write


def no_frames(path: Path) -> None:
    soundfile.write(path, np.zeros(0), RATE)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing.wav": (lambda path: None, "does not exist"),
    "folder.wav": (Path.mkdir, "not a file"),
    "zero_bytes.wav": (Path.touch, "contains no samples"),
    "zero_frames.wav": (no_frames, "contains no samples"),
    "text.wav": (lambda path: path.write_text("not audio"), "cannot be read as audio"),
    "headerless.raw": (lambda path: path.write_bytes(b"abcd"), "cannot be read as audio"),
    "only_header.wav": (lambda path: path.write_bytes(riff(pcm_format())), "cannot be read as"),
    "cut.wav": (half("wav"), "is truncated"),
    "cut.aiff": (half("aiff"), "is truncated"),
    "cut.flac": (half("flac"), "lost sync"),
    "cut.ogg": (half("ogg"), "is truncated: its last page is not there"),
    "nan.wav": (holding(np.nan), "NaN or infinite"),
    "inf.wav": (holding(-np.inf), "NaN or infinite"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_sentence_that_names_it(tmp_path: Path, name: str) -> None:
    write, reason = BAD[name]
    write(tmp_path / name)
    with pytest.raises(AudioError, match=reason) as raised:
        load(tmp_path / name, RATE)
    message = str(raised.value)
    assert message.startswith(str(tmp_path / name))
    assert "\n" not in message
    assert "; " in message  # what to do next


@pytest.mark.parametrize("name", ["missing.wav", "zero_frames.wav", "text.wav", "cut.wav"])
def test_probe_refuses_what_a_header_shows(tmp_path: Path, name: str) -> None:
    BAD[name][0](tmp_path / name)
    with pytest.raises(AudioError):
        probe(tmp_path / name)


def test_truncation_counts_the_missing_bytes(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, RATE)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:-34])
    with pytest.raises(AudioError, match="34 bytes shorter than its header says"):
        decode(tmp_path / "a.wav")


def test_a_note_cut_short_behind_the_samples_is_no_truncation(tmp_path: Path) -> None:
    data = chunk(b"data", np.arange(100, dtype="<i2").tobytes())
    (tmp_path / "a.wav").write_bytes(riff(pcm_format(), data, chunk(b"LIST", b"z" * 500))[:-300])
    assert len(decode(tmp_path / "a.wav")[0]) == 100


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_duration_and_pitch(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    resampled = resample(tone, rate, RATE)
    assert len(resampled) == RATE
    assert np.abs(np.fft.rfft(resampled)).argmax() == 440


def test_an_odd_rate_is_resampled_without_an_endless_filter_bank() -> None:
    rate = 44_101  # 16,000 / 44,101 cannot be reduced
    resampled = resample(np.sin(2 * np.pi * 440 * np.arange(rate) / rate), rate, RATE)
    assert abs(len(resampled) - RATE) <= 8
    spectrum = np.abs(np.fft.rfft(resampled, RATE))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    assert resample(TONE, RATE, RATE) is TONE


def test_threads_do_not_move_a_rounded_sample() -> None:
    wave = np.random.default_rng(0).uniform(-0.9, 0.9, 48_000)
    before = torch.get_num_threads()
    results = {}
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results[threads] = to_int16(resample(wave, 48_000, RATE))[0]
    torch.set_num_threads(before)
    np.testing.assert_array_equal(results[1], results[2])


def test_rounding_to_16_bits_counts_what_it_clips() -> None:
    wave = np.array([0.0, 1.0, -1.0, 1.5, -1.5, 0.4 / 32768, 0.6 / 32768])
    samples, clipped = to_int16(wave)
    assert samples.tolist() == [0, 32767, -32768, 32767, -32768, 0, 1]
    assert clipped == 3  # 1.0 is 32768, one beyond the range; -1.0 is within


def test_float_samples_have_full_scale_one() -> None:
    wave = to_float32(np.array([-32768, 0, 16384], dtype=np.int16))
    assert wave.dtype == np.float32
    assert wave.tolist() == [-1.0, 0.0, 0.5]


def test_cut_pads_the_end_of_the_last_segment() -> None:
    segments, valid = cut(np.arange(1, 8, dtype=np.int16), 3)
    assert segments.tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]
    assert valid.tolist() == [3, 3, 1]


def test_cut_adds_no_segment_where_the_length_is_a_multiple() -> None:
    segments, valid = cut(np.ones(6, dtype=np.int16), 3)
    assert segments.shape == (2, 3)
    assert valid.tolist() == [3, 3]
