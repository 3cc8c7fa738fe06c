"""Decoding all recordings: what is learnt, and what is wrong with the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from mfsn.audio.decoding import AS_BEFORE, NEWER
from mfsn.audio.level import Level
from mfsn.corpora.preparing.decoding import Sound, glance, listen
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.errors import ConfigError


def scanned(root: Path) -> dict[str, ScannedFile]:
    files = [path for path in root.iterdir() if path.is_file()]
    return {p.name: ScannedFile(p.name, p.stat().st_size, "") for p in files}


def test_a_recording_is_judged_as_it_is_stored(tmp_path: Path) -> None:
    stereo = np.zeros((1600, 2))
    stereo[100], stereo[101] = (0.25, 0.5), (0.25, -0.75)
    soundfile.write(tmp_path / "a.wav", stereo, 16_000)
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4410) / 44_100)
    soundfile.write(tmp_path / "b.flac", tone, 44_100)
    sounds, unusable = listen(tmp_path, ["b.flac", "a.wav", "a.wav"], scanned(tmp_path))
    mono = np.zeros(1600)
    mono[100:102] = (0.375, -0.25)
    level = Level(0.3125, pytest.approx(mono.mean()), pytest.approx(mono.std()), 0.0)  # type: ignore[arg-type]
    assert sounds["a.wav"] == Sound(0.1, level, AS_BEFORE)
    assert (sounds["b.flac"].duration_s, sounds["b.flac"].code) == (0.1, NEWER)
    assert sounds["b.flac"].level.peak == pytest.approx(0.5, abs=1e-2)
    assert unusable == []


def test_opposite_channels_and_a_constant_are_silence(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 8_000)
    soundfile.write(tmp_path / "opposite.wav", np.stack([noise, -noise], 1), 16_000, "FLOAT")
    soundfile.write(tmp_path / "constant.wav", np.full(8_000, 0.25), 16_000)
    sounds, unusable = listen(tmp_path, ["opposite.wav", "constant.wav"], scanned(tmp_path))
    assert [sound.level.peak for sound in sounds.values()] == [0, 0]
    assert unusable == []


def test_samples_in_another_unit_cannot_be_used(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 8_000)
    soundfile.write(tmp_path / "a.wav", noise * 32_768, 16_000, subtype="FLOAT")
    sounds, unusable = listen(tmp_path, ["a.wav"], scanned(tmp_path))
    assert sounds == {}
    assert len(unusable) == 1
    assert unusable[0].startswith("a.wav is beyond full scale in 100.0% of its samples")


def test_the_rate_of_the_store_decides_what_is_judged(tmp_path: Path) -> None:
    high = 0.5 * np.sin(2 * np.pi * 6_000 * np.arange(16_000) / 16_000)
    soundfile.write(tmp_path / "a.wav", high, 16_000)
    as_stored = listen(tmp_path, ["a.wav"], scanned(tmp_path), to_hz=8_000)[0]["a.wav"]
    assert as_stored.level.peak < 0.1
    assert as_stored.code == NEWER


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
