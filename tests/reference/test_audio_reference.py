"""Audio against other decoders: librosa's resampler, the standard library, real recordings."""

from __future__ import annotations

import csv
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from mfsn.audio.decoding import decode, load, probe
from mfsn.audio.resampling import resample


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    # Resamplers differ at the ends, where each pads its own way, and by a sample in length.
    inner = slice(400, min(len(ours), len(theirs)) - 400)
    difference = np.sqrt(np.mean((ours[inner] - theirs[inner]) ** 2))
    return float(difference / np.sqrt(np.mean(theirs[inner] ** 2)))


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_resampling_agrees_with_librosa(rate: int) -> None:
    time_s = np.arange(rate) / rate
    hertz = np.array([[110], [730], [2500], [5200]])
    wave = np.sin(2 * np.pi * hertz * time_s + hertz).sum(axis=0)
    theirs = librosa.resample(wave, orig_sr=rate, target_sr=16_000, res_type="soxr_vhq")
    ours = resample(wave, rate, 16_000)
    assert len(ours) == len(theirs)
    assert relative_error(ours, theirs) < 0.01


def test_a_stereo_file_agrees_with_librosa(tmp_path: Path) -> None:
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2))
    soundfile.write(tmp_path / "a.flac", stereo, 16_000)
    theirs = librosa.to_mono(soundfile.read(tmp_path / "a.flac")[0].T)
    np.testing.assert_allclose(load(tmp_path / "a.flac", 16_000), theirs, atol=1e-7)


@pytest.mark.corpus
def test_original_recordings_hold_as_many_frames_as_is_known(shared_corpora: Path) -> None:
    known = conversion_table(shared_corpora)
    originals = sorted((shared_corpora / "ravdess_originals").rglob("*.wav"))
    assert len(originals) == 12
    for path in originals:
        row = known[path.name]
        info = probe(path)
        assert info.frames == int(row["source_frames"])
        assert info.channels == int(row["source_channels"])
        assert decode(path)[0].shape == (info.frames, info.channels)
        assert abs(len(load(path, 16_000)) - int(row["frames_16k"])) <= 1  # theirs rounds down
    channels = [probe(path).channels for path in originals]
    assert channels.count(2) == 3


@pytest.mark.corpus
def test_an_original_sounds_like_its_16_khz_copy(shared_corpora: Path) -> None:
    stereo = "Actor_20/03-01-06-01-01-02-20"
    ours = load(shared_corpora / "ravdess_originals" / f"{stereo}.wav", 16_000)
    theirs = load(shared_corpora / "ravdess_flac16k" / f"{stereo}.flac", 16_000)
    assert relative_error(ours, theirs) < 0.06  # soxr keeps more of the last octave


@pytest.mark.corpus
def test_emodb_originals_are_read_from_their_first_sample(shared_corpora: Path) -> None:
    paths = sorted((shared_corpora / "emodb_originals").glob("*.wav"))
    assert len(paths) == 7
    for path in paths:
        theirs, rate = soundfile.read(path, dtype="float32")
        assert rate == 16_000
        np.testing.assert_array_equal(load(path, 16_000), theirs)


def conversion_table(shared_corpora: Path) -> dict[str, dict[str, str]]:
    table = shared_corpora / "ravdess_flac16k" / "conversion.tsv"
    with table.open(encoding="utf-8", newline="") as file:
        return {Path(row["source"]).name: row for row in csv.DictReader(file, delimiter="\t")}
