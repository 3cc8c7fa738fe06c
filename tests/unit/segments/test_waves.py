"""The segment stage: each utterance decoded once, its waves and counts in the store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile

from mfsn.audio import decoding as audio
from mfsn.errors import AudioError, ConfigError, DamagedRowError
from mfsn.features.base import Reach
from mfsn.features.extraction.in_memory import load_recording
from mfsn.features.extraction.items import items_of
from mfsn.manifest import SEGMENTS, write_table
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import read_utterance, segment_corpus, segment_recipe, waveform_store
from mfsn.store import layout
from mfsn.store.spec import StoreSpec

CONFIG = SegmentConfig(duration_s=0.01, sample_rate_hz=8000)
"""Segments of 80 samples."""
KNOWN = (
    b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00"
    b"\x02\x00\x10\x00data\x08\x00\x00\x00\x01\x00\x02\x00\x03\x00\x04\x00"
)
"""A WAV file of four samples at 8 kHz."""
KNOWN_KEY = "10758b00a41b2c94685aa90bc0b9c73dd8da0dc3f215bb8044245af8633c0be8"
LENGTHS = {"short": 30, "exact": 160, "long": 201, "other": 81}


class Corpus:
    """A folder of small wave files, its manifest, and a count of the files that were decoded."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "corpus"
        self.store = folder / "store"
        self.root.mkdir()
        self.decoded: list[str] = []

    def add(self, name: str, wave: npt.NDArray[Any], rate: int = 8000, **options: str) -> None:
        soundfile.write(self.root / f"{name}.wav", wave, rate, **options)

    def manifest(self, *names: str) -> pd.DataFrame:
        paths = [f"{name}.wav" for name in names]
        shas = [hashlib.sha256((self.root / path).read_bytes()).hexdigest() for path in paths]
        rates = [soundfile.info(self.root / path).samplerate for path in paths]
        codes = [1 if rate == 8000 else 2 for rate in rates]
        columns = {"utterance_id": names, "path": paths, "audio_sha256": shas, "decoding": codes}
        return pd.DataFrame(columns)

    def segment(self, *names: str, config: SegmentConfig = CONFIG) -> pd.DataFrame:
        self.decoded.clear()
        return segment_corpus(self.manifest(*names), self.root, config, self.store)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """Four utterances of int16 noise, three rows a shard."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 3)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk is slow, and keeps its power
    made, load = Corpus(tmp_path), audio.load_wave
    rng = np.random.default_rng(0)
    for name, samples in LENGTHS.items():
        made.add(name, rng.integers(-(2**15), 2**15, samples).astype(np.int16))

    def counted(path: Path, rate: int) -> audio.Wave:
        made.decoded.append(path.stem)
        return load(path, rate)

    monkeypatch.setattr(audio, "load_wave", counted)
    return made


def test_the_table_covers_every_sample_once(corpus: Corpus) -> None:
    table = corpus.segment(*LENGTHS)
    for name, samples in LENGTHS.items():
        rows = table[table["utterance_id"] == name]
        assert rows["valid_samples"].sum() == samples
        assert list(rows["index"]) == list(range(len(rows)))
        assert list(rows["start_sample"]) == [80 * index for index in range(len(rows))]
        assert list(rows["segment_id"]) == [f"{name}#{index}" for index in range(len(rows))]
    assert list(table["utterance_id"].unique()) == list(LENGTHS)


def test_the_table_follows_its_schema(corpus: Corpus, tmp_path: Path) -> None:
    table = corpus.segment(*LENGTHS)
    write_table(tmp_path / "segments.parquet", table, SEGMENTS)
    assert table["row_key"].is_unique


def test_waves_are_the_files_samples_padded_with_zeros(corpus: Corpus) -> None:
    table = corpus.segment(*LENGTHS)
    store = waveform_store(CONFIG, corpus.store)
    for name, samples in LENGTHS.items():
        rows = table[table["utterance_id"] == name]
        waves = store.read(list(rows["row_key"]), ["wave"])["wave"].reshape(-1)
        expected = soundfile.read(corpus.root / f"{name}.wav", dtype="int16")[0]
        np.testing.assert_array_equal(waves[:samples], expected)
        assert not waves[samples:].any()


def test_an_utterance_can_be_put_together_again(corpus: Corpus) -> None:
    table = corpus.segment(*LENGTHS)
    rows = table[table["utterance_id"] == "long"]
    wave = read_utterance(waveform_store(CONFIG, corpus.store), rows)
    expected = soundfile.read(corpus.root / "long.wav", dtype="float32")[0]
    assert wave.dtype == np.float32
    np.testing.assert_array_equal(wave, expected)


def test_one_new_utterance_is_one_decoded_file(corpus: Corpus) -> None:
    before = corpus.segment("short", "long", "exact")
    after = corpus.segment("short", "other", "long", "exact")
    assert corpus.decoded == ["other"]
    kept = after[after["utterance_id"] != "other"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


def test_nothing_is_decoded_twice(corpus: Corpus) -> None:
    first = corpus.segment(*LENGTHS)
    second = corpus.segment(*LENGTHS)
    assert corpus.decoded == []
    pd.testing.assert_frame_equal(first, second)


def test_waves_that_are_found_are_in_use(corpus: Corpus) -> None:
    """Garbage collection that is running must not delete them before the table is written."""
    corpus.segment(*LENGTHS)
    shards = {path.stem for path in corpus.store.glob("waveform/*/commits/*")}
    used = list(corpus.store.glob("waveform/*/.used/*"))
    assert {path.name for path in used} == shards
    for path in used:
        path.unlink()
    corpus.segment("short")
    assert [path.name for path in corpus.store.glob("waveform/*/.used/*")] == ["000000"]


def test_the_same_audio_under_two_names_is_decoded_once(corpus: Corpus) -> None:
    (corpus.root / "copy.wav").write_bytes((corpus.root / "long.wav").read_bytes())
    table = corpus.segment("long", "copy")
    assert corpus.decoded == ["long"]
    keys = {name: list(rows["row_key"]) for name, rows in table.groupby("utterance_id")}
    assert keys["long"] == keys["copy"]


def test_a_lost_shard_is_decoded_again(corpus: Corpus) -> None:
    table = corpus.segment(*LENGTHS)
    store = waveform_store(CONFIG, corpus.store)
    lost = next((store.path / "wave").glob("c.1.*"))  # exact's last row and two of long
    lost.unlink()
    again = corpus.segment(*LENGTHS)
    assert set(corpus.decoded) < set(LENGTHS)
    assert corpus.decoded
    pd.testing.assert_frame_equal(again, table)


def test_bad_files_are_named_together_and_the_others_kept(corpus: Corpus) -> None:
    manifest = corpus.manifest(*LENGTHS)
    (corpus.root / "exact.wav").write_bytes(b"not audio")
    (corpus.root / "other.wav").unlink()
    with pytest.raises(AudioError) as error:
        segment_corpus(manifest, corpus.root, CONFIG, corpus.store)
    message = str(error.value)
    assert message.startswith("2 audio files cannot be used")
    assert "exact.wav" in message
    assert "other.wav" in message
    corpus.segment("short", "long")
    assert corpus.decoded == []


def test_a_file_that_changed_since_prepare_is_refused(corpus: Corpus) -> None:
    manifest = corpus.manifest("long")
    corpus.add("long", np.zeros(200, np.int16))
    with pytest.raises(AudioError, match=r"long.wav has changed since `prepare` read it"):
        segment_corpus(manifest, corpus.root, CONFIG, corpus.store)
    assert waveform_store(CONFIG, corpus.store).committed() == {}


def test_clipped_samples_are_counted_where_they_lie(corpus: Corpus) -> None:
    wave = np.zeros(170, np.float32)
    wave[[3, 81, 85, 169]] = 1.5
    corpus.add("loud", wave, subtype="FLOAT")
    assert list(corpus.segment("loud")["clipped_samples"]) == [1, 2, 1]
    assert list(corpus.segment("loud")["clipped_samples"]) == [1, 2, 1]


def test_length_after_resampling(corpus: Corpus) -> None:
    rng = np.random.default_rng(1)
    corpus.add("resampled", rng.normal(0, 0.1, 1001), rate=44100)
    table = corpus.segment("resampled")
    assert list(table["valid_samples"]) == [80, 80, 22]  # 1001 * 8000 / 44100 = 181.6


def test_a_wave_that_is_not_resampled_keeps_the_key_of_the_first_version(corpus: Corpus) -> None:
    """The key that the code before soxr gave to a file of these bytes."""
    (corpus.root / "known.wav").write_bytes(KNOWN)
    table = corpus.segment("known")
    assert table["audio_sha256"].tolist() == [hashlib.sha256(KNOWN).hexdigest()]
    assert table["row_key"].tolist() == [KNOWN_KEY]
    of_old_manifest = corpus.manifest("known").drop(columns="decoding")
    again = segment_corpus(of_old_manifest, corpus.root, CONFIG, corpus.store)
    pd.testing.assert_frame_equal(again, table)


def test_a_wave_that_is_resampled_has_another_key_than_the_first_version(corpus: Corpus) -> None:
    corpus.add("resampled", np.random.default_rng(1).normal(0, 0.1, 400), rate=44100)
    sha = corpus.manifest("resampled")["audio_sha256"][0]
    table = corpus.segment("resampled")
    first = waveform_store(CONFIG, corpus.store).spec.row_key(sha, 0)
    assert first not in set(table["row_key"])
    assert sha not in set(table["audio_sha256"])
    corpus.segment("resampled")
    assert corpus.decoded == []


def test_a_manifest_of_an_older_version_must_be_made_again(corpus: Corpus) -> None:
    corpus.add("resampled", np.random.default_rng(1).normal(0, 0.1, 400), rate=44100)
    manifest = corpus.manifest("resampled").drop(columns="decoding")
    with pytest.raises(AudioError, match=r"resampled.wav is decoded in another way than the man"):
        segment_corpus(manifest, corpus.root, CONFIG, corpus.store)


def test_another_cut_lies_in_another_directory(corpus: Corpus) -> None:
    longer = SegmentConfig(duration_s=0.02, sample_rate_hz=8000)
    corpus.segment("long")
    assert len(corpus.segment("long", config=longer)) == 2
    assert corpus.decoded == ["long"]
    corpus.segment("long")
    assert corpus.decoded == []


def test_a_damaged_wave_names_the_command_that_cuts_it_again(corpus: Corpus) -> None:
    table = corpus.segment("short")
    store = waveform_store(CONFIG, corpus.store)
    path = store.path / "wave" / "c.0.0"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(DamagedRowError, match="mfsn cache verify --repair"):
        read_utterance(store, table)


def test_an_empty_manifest_has_no_segments(corpus: Corpus) -> None:
    assert len(corpus.segment()) == 0


OVERLAPS = SegmentConfig(duration_s=0.01, sample_rate_hz=8000, tail="overlap")
DROPS = SegmentConfig(duration_s=0.01, sample_rate_hz=8000, tail="drop_below_s", drop_below_s=0.001)


def test_padding_is_the_default_and_adds_nothing_to_the_recipe() -> None:
    assert SegmentConfig().tail == "pad"
    assert segment_recipe(SegmentConfig(drop_below_s=2.0)) == segment_recipe(SegmentConfig())
    recipes = [segment_recipe(config) for config in (CONFIG, OVERLAPS, DROPS)]
    assert [recipe.get("tail") for recipe in recipes] == [None, "overlap", "drop_below_s"]
    assert set(recipes[0]) == {"duration_s", "sample_rate_hz", "cut", "decoding"}
    for recipe, config in zip(recipes, (CONFIG, OVERLAPS, DROPS), strict=True):
        again = SegmentConfig.of_recipe(recipe)
        assert segment_recipe(again) == segment_recipe(config)


def test_an_overlapping_end_is_full_and_repeats_what_it_must(corpus: Corpus) -> None:
    table = corpus.segment(*LENGTHS, config=OVERLAPS)
    of = {str(name): own for name, own in table.groupby("utterance_id")}
    assert {name: own["start_sample"].tolist() for name, own in of.items()} == {
        "exact": [0, 80], "long": [0, 80, 121], "other": [0, 1], "short": [0],
    }  # fmt: skip
    assert of["short"]["valid_samples"].tolist() == [30]
    assert of["long"]["valid_samples"].tolist() == [80, 80, 80]
    wave = audio.load(corpus.root / "long.wav", 8000)
    store = waveform_store(OVERLAPS, corpus.store)
    stored = store.read(list(of["long"]["row_key"]), ["wave"])["wave"]
    np.testing.assert_array_equal(audio.to_float32(stored[2]), wave[121:201])
    np.testing.assert_array_equal(read_utterance(store, of["long"]), wave)


def test_a_short_end_is_left_out_but_never_an_utterance(corpus: Corpus) -> None:
    """Ends of less than 8 samples: the 1 sample of `other`; `long` has 41 more, `short` is all."""
    table = corpus.segment(*LENGTHS, config=DROPS)
    assert table.groupby("utterance_id").size().to_dict() == {
        "exact": 2, "long": 3, "other": 1, "short": 1,
    }  # fmt: skip
    only = SegmentConfig(duration_s=0.01, sample_rate_hz=8000, tail="drop_below_s", drop_below_s=9)
    assert len(corpus.segment("short", config=only)) == 1
    corpus.segment(*LENGTHS, config=DROPS)
    assert corpus.decoded == []


def test_the_published_reading_pads() -> None:
    with pytest.raises(ConfigError, match="as_published pads"):
        SegmentConfig.parse({"tail": "overlap", "reading": "as_published"}, "test")


def test_whole_utterances_are_not_heard_from_overlapping_segments(corpus: Corpus) -> None:
    table = corpus.segment(*LENGTHS, config=OVERLAPS)
    spec = StoreSpec("x", {}, ())
    with pytest.raises(ConfigError, match=r"segment\.tail overlap repeats"):
        items_of(table, Reach("segment", "utterance"), OVERLAPS, spec)
    assert len(items_of(table, Reach("segment", "segment"), OVERLAPS, spec)[0]) == len(table)
    recording = load_recording((np.zeros(201, np.int16), 8000), OVERLAPS, "x")
    assert recording.segments == [(0, 80), (80, 160), (121, 201)]
