"""Decoding all recordings: what is learnt, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from mfsn.corpora.preparing.decoding import Sound, glance, listen
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.errors import ConfigError


def scanned(root: Path) -> dict[str, ScannedFile]:
    files = [path for path in root.iterdir() if path.is_file()]
    return {p.name: ScannedFile(p.name, p.stat().st_size, "") for p in files}


def test_duration_and_peak_are_those_of_the_file(tmp_path: Path) -> None:
    stereo = np.zeros((4410, 2))
    stereo[100] = (0.25, -0.5)
    soundfile.write(tmp_path / "a.wav", stereo, 44_100)
    soundfile.write(tmp_path / "b.flac", np.full(800, 0.125), 8_000)
    sounds, unusable = listen(tmp_path, ["b.flac", "a.wav", "a.wav"], scanned(tmp_path))
    assert sounds == {"a.wav": Sound(0.1, 0.5), "b.flac": Sound(0.1, 0.125)}
    assert unusable == []


def test_a_glance_takes_durations_and_reasons_from_headers(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(4410, 0.5), 44_100)
    (tmp_path / "text.wav").write_text("text")
    soundfile.write(tmp_path / "cut.wav", np.full(4410, 0.5), 44_100)
    with (tmp_path / "cut.wav").open("r+b") as file:
        file.truncate(1000)
    sounds, unusable = glance(tmp_path, ["a.wav", "text.wav", "gone.wav", "cut.wav"], {})
    assert {path: sound.duration_s for path, sound in sounds.items()} == {"a.wav": 0.1}
    assert unusable == [
        "cut.wav is truncated: it is 7864 bytes shorter than its header says",
        "gone.wav does not exist or is not a file",
        "text.wav cannot be read as audio (Format not recognised)",
    ]


def test_every_bad_recording_is_named_with_its_reason(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "good.wav", np.full(100, 0.5), 8_000)
    (tmp_path / "text.wav").write_text("text")
    (tmp_path / "empty.wav").touch()
    sounds, unusable = listen(tmp_path, ["text.wav", "good.wav", "empty.wav"], scanned(tmp_path))
    assert list(sounds) == ["good.wav"]
    assert unusable == [
        "empty.wav contains no samples",
        "text.wav cannot be read as audio (Format not recognised)",
    ]


def test_a_recording_that_grew_since_the_scan_is_unusable(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(100, 0.5), 8_000)
    files = scanned(tmp_path)
    soundfile.write(tmp_path / "a.wav", np.full(101, 0.5), 8_000)
    assert listen(tmp_path, ["a.wav"], files) == ({}, ["a.wav has changed since it was scanned"])


def test_the_number_of_jobs_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        soundfile.write(tmp_path / f"{number}.wav", np.full(100 + number, 0.1 * number), 8_000)
    names = [f"{number}.wav" for number in range(8)]
    heard = []
    for jobs in ("1", "3"):
        monkeypatch.setenv("MFSN_JOBS", jobs)
        heard.append(listen(tmp_path, names, scanned(tmp_path)))
    assert heard[0] == heard[1]


def test_a_nonsensical_number_of_jobs_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_JOBS", "many")
    with pytest.raises(ConfigError, match="MFSN_JOBS=many"):
        listen(tmp_path, [], {})
