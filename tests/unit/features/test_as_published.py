"""`segment.reading: as_published` in the cache: which rows there are, and that they stay so."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile

from mfsn.base.arrays import Float32, Int64
from mfsn.features.base import Extractor
from mfsn.features.config import EncoderConfig, MfccConfig, SpectrogramConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.in_memory import extract_recordings, load_recordings
from mfsn.features.registry import make_extractor
from mfsn.segments.config import SegmentConfig
from mfsn.segments.extractor_input import hear_segments, hear_utterance
from mfsn.segments.waves import segment_corpus, segment_recipe, waveform_store
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store

RATE_HZ, SAMPLES = 16_000, 4_000
FIXED = SegmentConfig(duration_s=0.25)
PUBLISHED = SegmentConfig(duration_s=0.25, reading="as_published")
LENGTHS = {"a": 3_000, "b": 8_000, "c": 10_000, "d": 4_100, "e": 16_500}
SEGMENTS = {"a": 1, "b": 3, "c": 3, "d": 2, "e": 5}
CONFIGS = {
    "sec": EncoderConfig(model="random/data2vec-audio-demo", levels={"low": 1, "high": 4}),
    "spectrogram": SpectrogramConfig(),
    "mfcc": MfccConfig(),
}


class Heard:
    """The sum and the length of the utterance in each of its rows, and the row's number."""

    name: ClassVar[str] = "mfcc"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment"]] = "segment"
    context: ClassVar[Literal["utterance"]] = "utterance"
    batch_rows = 1
    tolerance = 0.0
    parameters: ClassVar[Mapping[str, Any]] = {}
    about: ClassVar[Mapping[str, Any]] = {"config": {}, "weights": "none"}
    arrays: tuple[ArraySpec, ...] = (ArraySpec("said", (3,), "float32", ("number",)),)

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        (wave,), (length,) = waves_BT, valid_B
        self.lengths.append(int(length))
        rows = range(1 + length // SAMPLES)
        return {"said": np.array([[wave.sum(), len(wave), row] for row in rows], np.float32)}


class Folder:
    """A corpus of noises with its store."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, root / "store"
        for name, samples in LENGTHS.items():
            noise = np.random.default_rng(samples).normal(0, 3000, samples).astype(np.int16)
            soundfile.write(self.path(name), noise, RATE_HZ)

    def path(self, name: str) -> Path:
        return self.root / f"{name}.wav"

    def wave(self, name: str) -> Float32:
        wave, _ = soundfile.read(self.path(name), dtype="float32")
        emphasised: Float32 = np.append(wave[:1], wave[1:] - np.float32(0.97) * wave[:-1])
        return emphasised

    def segments(
        self, names: Sequence[str] = tuple(LENGTHS), config: SegmentConfig = PUBLISHED
    ) -> pd.DataFrame:
        shas = [hashlib.sha256(self.path(name).read_bytes()).hexdigest() for name in names]
        columns = {"utterance_id": names, "path": [f"{n}.wav" for n in names], "audio_sha256": shas}
        return segment_corpus(pd.DataFrame(columns), self.root, config, self.store)

    def extract(self, extractor: Extractor, names: Sequence[str] = tuple(LENGTHS)) -> Digest:
        return extract(extractor, self.segments(names), PUBLISHED, self.store)

    def rows(self, digest: Digest, ids: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
        return Store(self.store, digest.spec).read([digest.rows[name] for name in ids])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Three rows a shard, and no waiting for the disk."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 3)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    return Folder(tmp_path)


def make(name: str) -> Extractor:
    return make_extractor(name, CONFIGS[name], RATE_HZ, SAMPLES, "as_published")


# Segments and what is heard of them


def test_a_segment_of_no_samples_follows_a_full_one(folder: Folder) -> None:
    table = folder.segments()
    assert table.groupby("utterance_id").size().to_dict() == SEGMENTS
    assert table.groupby("utterance_id")["valid_samples"].sum().to_dict() == LENGTHS
    empty = table[table["valid_samples"] == 0]
    assert empty["segment_id"].tolist() == ["b#2"]
    assert empty["start_sample"].tolist() == [8_000]


def test_all_segments_come_from_the_store_the_second_time(folder: Folder) -> None:
    first = folder.segments()
    for name in LENGTHS:
        folder.path(name).rename(folder.root / f"{name}.gone")
    columns = ["utterance_id", "audio_sha256"]
    manifest = first[columns].drop_duplicates().assign(path="nowhere.wav")
    again = segment_corpus(manifest, folder.root, PUBLISHED, folder.store)
    pd.testing.assert_frame_equal(again, first)


def test_what_is_heard_is_emphasised_over_the_utterance_and_padded_at_the_front() -> None:
    stored = np.array([[100, 200, 400, 800], [-32768, 32767, 0, 0]], np.int16)
    config = SegmentConfig(duration_s=4 / RATE_HZ, reading="as_published")
    valid = np.array([4, 2])
    waves, heard = hear_segments(stored, valid, np.array([0, 800], np.int16), config)
    assert heard.tolist() == [4, 4]
    expected = np.array([[100, 103, 206, 412], [0, 0, -32768 - 776, 32767 + 0.97 * 32768]])
    np.testing.assert_allclose(waves * 32768, expected, rtol=1e-6)  # beyond 16 bits: not clipped
    whole = hear_utterance(stored, valid, config)
    np.testing.assert_array_equal(whole, np.concatenate([waves[0], waves[1, 2:]]))


def test_what_is_heard_otherwise_stays_as_it_is_stored() -> None:
    stored = np.array([[100, 200, 0, 0]], np.int16)
    config = SegmentConfig(duration_s=4 / RATE_HZ)
    waves, heard = hear_segments(stored, np.array([2]), np.array([50], np.int16), config)
    assert (waves * 32768).tolist() == stored.tolist()
    assert heard.tolist() == [2]


# Keys


def test_the_keys_of_the_other_reading_are_what_they_were(folder: Folder) -> None:
    assert segment_recipe(SegmentConfig()) == {
        "duration_s": 3.0,
        "sample_rate_hz": 16_000,
        "cut": 1,
        "decoding": 1,
    }
    assert segment_recipe(PUBLISHED) == segment_recipe(FIXED) | {"reading": "as_published"}
    specs = [waveform_store(config, folder.store).spec for config in (FIXED, PUBLISHED)]
    assert specs[0].row_key("sha", 0) != specs[1].row_key("sha", 0)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_readings_share_no_row(folder: Folder, name: str) -> None:
    published = folder.extract(make(name), ["a"])
    extractor = make_extractor(name, CONFIGS[name], RATE_HZ, SAMPLES)
    fixed = extract(extractor, folder.segments(["a"], FIXED), FIXED, folder.store)
    assert published.store != fixed.store
    assert set(published.rows) == set(fixed.rows) == {"a#0"}
    assert not set(published.rows.values()) & set(fixed.rows.values())


def test_the_segment_recipe_says_how_to_cut_again() -> None:
    for config in (FIXED, PUBLISHED):
        assert SegmentConfig.of_recipe(segment_recipe(config)) == config


# Rows of whole utterances


def test_an_utterance_is_heard_whole_and_once(folder: Folder) -> None:
    extractor = Heard()
    digest = folder.extract(extractor)
    assert extractor.lengths == list(LENGTHS.values())
    for name, count in SEGMENTS.items():
        said = folder.rows(digest, [f"{name}#{i}" for i in range(count)])["said"]
        assert said[:, 1].tolist() == [LENGTHS[name]] * count
        assert said[:, 2].tolist() == list(range(count))
        np.testing.assert_allclose(said[:, 0], folder.wave(name).sum(), rtol=1e-4, atol=1e-3)


def test_only_lost_rows_are_computed_again(folder: Folder) -> None:
    digest = folder.extract(Heard())
    ids = list(digest.rows)
    before = folder.rows(digest, ids)["said"]
    next((folder.store / digest.store / "said").glob("c.1*")).unlink()
    extractor = Heard()
    assert folder.extract(extractor) == digest
    np.testing.assert_array_equal(folder.rows(digest, ids)["said"], before)
    assert len(extractor.lengths) < 2 + len(LENGTHS)  # two were compared


@pytest.mark.parametrize("name", CONFIGS)
def test_rows_do_not_depend_on_what_else_is_extracted(
    folder: Folder, tmp_path: Path, name: str
) -> None:
    """Bit for bit, whatever the order, what was there before, and the neighbours."""
    whole = folder.extract(make(name))
    (tmp_path / "other").mkdir()
    other = Folder(tmp_path / "other")
    for names in (["e"], ["c", "a"], list(LENGTHS)):
        piecewise = other.extract(make(name), names)
    assert piecewise == whole
    ids = list(whole.rows)
    for array, rows in folder.rows(whole, ids).items():
        np.testing.assert_array_equal(rows, other.rows(piecewise, ids)[array])


@pytest.mark.parametrize("name", CONFIGS)
def test_recordings_in_memory_get_the_same_rows(folder: Folder, name: str) -> None:
    digest, extractor = folder.extract(make(name)), make(name)
    recordings, _ = load_recordings([folder.path(n) for n in LENGTHS], PUBLISHED)
    ids = [f"{n}#{i}" for n, count in SEGMENTS.items() for i in range(count)]
    for array, rows in extract_recordings(extractor, recordings).items():
        np.testing.assert_array_equal(rows, folder.rows(digest, ids)[array])


def test_padding_is_at_the_level_of_the_maximum(folder: Folder) -> None:
    digest = folder.extract(make("spectrogram"), ["b"])
    full, _, empty = folder.rows(digest, ["b#0", "b#1", "b#2"])["level_db"]
    assert full.max() <= 0
    assert full.mean() < -10
    assert (empty[1:] == 0).all()
    assert (empty[0] < 0).any()  # one frame sees the end of the utterance


def test_silence_is_at_the_level_of_its_maximum() -> None:
    rows = make("spectrogram").extract(np.zeros((1, 5_000), np.float32), np.array([5_000]))
    assert not rows["level_db"].any()


def test_only_the_published_reading_takes_padding_for_audio() -> None:
    valid = np.array([4_000, 100, 0])
    assert FIXED.audible(valid).tolist() == [4_000, 100, 0]
    assert PUBLISHED.audible(valid).tolist() == [4_000] * 3
