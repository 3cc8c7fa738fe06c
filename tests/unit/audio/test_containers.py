"""What a header promises and what is there: read to the end, or refused with one sentence."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mfsn.audio.decoding import decode, load, probe
from mfsn.audio.in_memory import FileInMemory
from mfsn.errors import AudioError

RATE = 16_000
NOISE = np.random.default_rng(0).normal(0, 0.1, 24_000)
FORMATS: dict[str, dict[str, Any]] = {
    "a.rf64": {"format": "RF64"},
    "rifx.wav": {"endian": "BIG"},
    "a.w64": {"format": "W64"},
    "a.au": {"format": "AU"},
    "a.ogg": {"format": "OGG"},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.wav": {},
    "a.aiff": {},
    "a.flac": {},
    "a.caf": {"format": "CAF"},
    "a.nist": {"format": "NIST"},
}


def written(path: Path, **options: Any) -> Path:
    soundfile.write(path, NOISE, RATE, **options)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_file_is_read_and_a_half_one_refused(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, **FORMATS[name])
    content = path.read_bytes()
    assert len(decode(path)[0]) == len(NOISE) == probe(path).frames
    for half in (len(content) // 2, len(content) // 2 + 1, len(content) * 3 // 4):
        path.write_bytes(content[:half])
        with pytest.raises(AudioError, match=r"is truncated|cannot be read") as raised:
            decode(path)
        assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize("name", ["a.rf64", "rifx.wav", "a.w64", "a.au", "a.wav", "a.aiff"])
def test_one_missing_frame_is_noticed(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, **FORMATS[name])
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(AudioError, match="it is 2 bytes shorter than its header says"):
        probe(path)


def with_sizes(path: Path, riff: int, data: int) -> Path:
    """A WAV file with other sizes in its header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[4:8], content[at : at + 4] = struct.pack("<I", riff), struct.pack("<I", data)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("riff", "data"),
    [(0, 0), (36, 0), (0xFFFF_FFFF, 0), (0, 48_028), (36 + 48_000, 48_044), (0, 0xFFFF_FFFF)],
)
def test_a_wav_file_with_a_wrong_data_size_is_read_whole(
    tmp_path: Path, riff: int, data: int
) -> None:
    expected = decode(written(tmp_path / "a.wav"))[0]
    path = with_sizes(tmp_path / "a.wav", riff, data)
    np.testing.assert_array_equal(decode(path)[0], expected)
    assert probe(path).duration_s == 1.5


@pytest.mark.parametrize("counted", [2_000, 40_000])
def test_a_header_that_counts_too_few_samples_is_refused(tmp_path: Path, counted: int) -> None:
    path = with_sizes(written(tmp_path / "a.wav"), 36 + counted, counted)
    missed = 48_000 - counted
    with pytest.raises(AudioError, match=rf"a\.wav goes on for {missed} bytes after the samples"):
        decode(path)


@pytest.mark.parametrize(
    "behind", [b"LIST" + struct.pack("<I", 9_000) + bytes(9_000), bytes(9_000)]
)
def test_notes_and_padding_behind_the_samples_are_no_samples(tmp_path: Path, behind: bytes) -> None:
    path = written(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes() + behind)
    assert len(decode(path)[0]) == len(NOISE)


def test_a_closed_file_without_samples_has_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), RATE)
    note = b"LIST" + struct.pack("<I", 4) + b"INFO"
    path = tmp_path / "a.wav"
    path.write_bytes(path.read_bytes() + note)
    with_sizes(path, 36 + len(note), 0)
    with pytest.raises(AudioError, match="contains no samples"):
        decode(path)


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_16", "IMA_ADPCM", "ULAW"])
def test_compressed_wav_files_are_read(tmp_path: Path, subtype: str) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 8_000)
    soundfile.write(tmp_path / "a.wav", tone, 8_000, subtype=subtype)
    wave = decode(tmp_path / "a.wav")[0][:16_000, 0]
    assert len(wave) == 16_000
    assert np.sqrt(np.mean((wave - tone) ** 2)) < 0.05


def test_a_flac_file_of_unknown_length_is_read_whole_or_refused(tmp_path: Path) -> None:
    expected = decode(written(tmp_path / "a.flac"))[0]
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    np.testing.assert_array_equal(decode(tmp_path / "a.flac")[0], expected)
    assert probe(tmp_path / "a.flac").frames == len(NOISE)
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="cannot be read as audio"):
        decode(tmp_path / "a.flac")


@pytest.mark.parametrize("rate", [1, 3_999, 384_001, 2**31 - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, rate: int) -> None:
    content = bytearray(written(tmp_path / "a.wav").read_bytes())
    content[24:28] = struct.pack("<I", rate)
    (tmp_path / "a.wav").write_bytes(content)
    for reads in (decode, probe):
        with pytest.raises(AudioError, match=rf"a\.wav has a sample rate of {rate} Hz"):
            reads(tmp_path / "a.wav")


def test_a_format_that_may_be_cut_unnoticed_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a.voc", format="VOC")
    with pytest.raises(AudioError, match=r"a\.voc is a file of the format VOC, which is not read"):
        decode(tmp_path / "a.voc")


def test_a_name_that_is_not_utf_8_is_read_and_can_be_printed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav").rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    assert len(decode(path)[0]) == len(NOISE)
    path.write_text("text")
    with pytest.raises(AudioError) as raised:
        decode(path)
    str(raised.value).encode("utf-8")
    assert r"caf\xe9.wav cannot be read as audio" in str(raised.value)


def test_a_pointer_of_git_lfs_names_the_command(tmp_path: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (tmp_path / "a.wav").write_text(text)
    for file in (tmp_path / "a.wav", FileInMemory("a.wav", text.encode())):
        with pytest.raises(AudioError, match=r"a\.wav is a pointer of Git LFS.*`git lfs pull`"):
            decode(file)


def test_pipes_sockets_and_devices_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.wav"))
        for path in (tmp_path / "pipe.wav", tmp_path / "s.wav", Path("/dev/zero")):
            with pytest.raises(AudioError, match="is not a file"):
                load(path, RATE)
