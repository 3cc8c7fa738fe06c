"""The extraction engine, with an extractor whose rows show the shape of their batch."""

from __future__ import annotations

import logging
import os
import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from mfsn.base.arrays import Float32, Int64
from mfsn.errors import (
    CacheError,
    DamagedRowError,
    ExtractorVersionError,
    MissingRowError,
    RangeError,
    StorageFullError,
)
from mfsn.features.extraction.batches import MissingRows, RowMaker
from mfsn.features.extraction.extraction import Wanted, extract
from mfsn.manifest import SEGMENTS, segment_id
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.gc import compaction
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify
from mfsn.store.writer import write_shard

CONFIG = SegmentConfig(duration_s=0.001, sample_rate_hz=8000)
"""Segments of 8 samples."""
LENGTHS = {"a": 5, "b": 16, "c": 20, "d": 8, "e": 31}
SEGMENT_COUNT = 11


class Toy:
    """The sum of a wave, its valid samples, and the shape of the batch it came in."""

    name: ClassVar[str] = "mfcc"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment", "utterance"]] = "segment"
    context: ClassVar[Literal["segment", "utterance"]] = "segment"
    arrays: tuple[ArraySpec, ...] = (
        ArraySpec("total", (), "float32", ()),
        ArraySpec("call", (3,), "float16", ("number",)),
    )
    about: ClassVar[Mapping[str, Any]] = {"config": {}, "weights": "none"}
    tolerance = 1e-3

    def __init__(self, batch_rows: int = 4, scale: float = 1.0) -> None:
        self.batch_rows = batch_rows
        self.scale = scale
        self.waves: list[Float32] = []

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {"kind": "toy"}

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        self.waves += list(waves_BT)
        shapes = [(*waves_BT.shape, valid) for valid in valid_B]
        total = waves_BT.sum(axis=1) * np.float32(self.scale)
        return {"total": total.astype(np.float32), "call": np.array(shapes, np.float16)}


class Whole(Toy):
    """The same of whole utterances."""

    name = "functionals"
    scope: ClassVar[Literal["segment", "utterance"]] = "utterance"
    context: ClassVar[Literal["segment", "utterance"]] = "utterance"

    def __init__(self) -> None:
        super().__init__(batch_rows=1)


class Newer(Toy):
    """The same, declared to compute something else."""

    version = 2


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store root; three rows a shard, and no waiting for the disk."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 3)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return tmp_path / "store"


def sound_of(utterance: str) -> npt.NDArray[np.int16]:
    rng = np.random.default_rng(ord(utterance[0]))
    return rng.integers(1, 1000, LENGTHS[utterance[0]]).astype(np.int16)


def segmented(root: Path, utterances: Sequence[str] = tuple(LENGTHS)) -> pd.DataFrame:
    """Segment table of utterances whose waves are in the store; `aa` sounds like `a`."""
    store, rows = waveform_store(CONFIG, root), []
    with store.writer() as writer:
        for name in utterances:
            sound, sha = sound_of(name), f"sha {name[0]}"
            for index, start in enumerate(range(0, len(sound), CONFIG.samples)):
                piece, key = sound[start : start + CONFIG.samples], store.spec.row_key(sha, start)
                wave = np.zeros((1, CONFIG.samples), np.int16)
                wave[0, : len(piece)] = piece
                zero = np.zeros(1, np.int64)
                counts = dict.fromkeys(("valid_samples", "clipped_samples", "total_samples"), zero)
                writer.append([key], {"wave": wave, **counts})
                place = (segment_id(name, index), name, index, start)
                rows.append((*place, len(piece), 0, sha, key))
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def read(root: Path, digest: Digest) -> dict[str, dict[str, Any]]:
    """Id to the values of its row."""
    names = list(digest.rows)
    arrays = Store(root, digest.spec).read([digest.rows[name] for name in names])
    return {
        name: {a: rows[i].tolist() for a, rows in arrays.items()} for i, name in enumerate(names)
    }


def sum_of(samples: npt.NDArray[np.int16]) -> float:
    return float(samples.astype(np.float64).sum() / 32768)


def test_every_segment_gets_its_row(root: Path) -> None:
    segments = segmented(root)
    rows = read(root, extract(Toy(), segments, CONFIG, root))
    assert len(rows) == SEGMENT_COUNT == len(segments)
    for name, start, valid in segments[["segment_id", "start_sample", "valid_samples"]].values:
        expected = sum_of(sound_of(name)[start : start + valid])
        assert rows[name]["total"] == pytest.approx(expected)
        assert rows[name]["call"] == [4, CONFIG.samples, valid]


def test_rows_never_depend_on_the_tail_of_a_batch(root: Path) -> None:
    """Every call has `batch_rows` rows; what is not asked for is zeros, counted as valid."""
    toy = Toy(batch_rows=4)
    rows = read(root, extract(toy, segmented(root), CONFIG, root))
    assert len(toy.waves) == 12
    assert not toy.waves[-1].any()
    assert {tuple(row["call"][:2]) for row in rows.values()} == {(4, 8)}


def test_the_digest_is_the_same_in_whatever_order_rows_were_computed(root: Path) -> None:
    segments = segmented(root)
    whole = extract(Toy(), segments, CONFIG, root)
    other = root.parent / "other"
    segmented(other)
    extract(Toy(), segments[7:], CONFIG, other)
    piecewise = extract(Toy(), segments, CONFIG, other)
    assert piecewise == whole
    assert read(other, piecewise) == read(root, whole)


def test_nothing_is_computed_twice_but_for_the_comparison(root: Path) -> None:
    segments = segmented(root)
    first = extract(Toy(), segments, CONFIG, root)
    again = Toy()
    assert extract(again, segments, CONFIG, root) == first
    assert len(again.waves) == again.batch_rows


def test_only_what_is_missing_is_computed(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    extract(Toy(batch_rows=2), segmented(root, ["a", "b", "c"]), CONFIG, root)
    toy = Toy(batch_rows=2)
    with caplog.at_level(logging.INFO):
        extract(toy, segmented(root), CONFIG, root)
    computed = [float(wave.sum()) for wave in toy.waves[2:] if wave.any()]  # [:2] compared
    new = [sound_of("d"), *(sound_of("e")[start : start + 8] for start in range(0, 31, 8))]
    assert computed == pytest.approx([sum_of(piece) for piece in new])
    assert "mfcc: 11 rows, 5 new, 6 cached" in caplog.text


def test_rows_that_are_found_are_in_use(root: Path) -> None:
    """Garbage collection that is running must not delete them before the digest is written."""
    segments = segmented(root)
    extract(Toy(), segments, CONFIG, root)
    assert not list(root.glob("mfcc/*/.used/*"))
    extract(Toy(), segments[3:6], CONFIG, root)
    assert [path.name for path in root.glob("mfcc/*/.used/*")] == ["000001"]


def test_the_same_audio_under_two_names_is_computed_once(root: Path) -> None:
    toy = Toy(batch_rows=1)
    digest = extract(toy, segmented(root, ["a", "aa"]), CONFIG, root)
    assert len(toy.waves) == 1
    assert digest.rows["a#0"] == digest.rows["aa#0"]


def test_utterances_are_given_whole_and_without_padding(root: Path) -> None:
    whole = Whole()
    segments = segmented(root).sample(frac=1, random_state=0)  # the order of rows does not matter
    rows = read(root, extract(whole, segments, CONFIG, root))
    assert set(rows) == set(LENGTHS)
    given = dict(zip(sorted(LENGTHS), whole.waves, strict=True))
    for name, samples in LENGTHS.items():
        np.testing.assert_array_equal(given[name] * 32768, sound_of(name))
        assert rows[name]["call"] == [1, samples, samples]


def test_the_digest_says_what_prediction_needs(root: Path) -> None:
    digest = extract(Toy(), segmented(root), CONFIG, root)
    assert digest.about == {"config": {}, "weights": "none"}
    assert digest.recipe["parameters"] == {"kind": "toy"}
    assert digest.recipe["segment"]["duration_s"] == CONFIG.duration_s
    assert digest.store == Store(root, digest.spec).spec.directory


@pytest.mark.parametrize("scale", [1.01, -1.0, 0.0])
def test_a_change_without_a_new_version_is_noticed(root: Path, scale: float) -> None:
    segments = segmented(root)
    extract(Toy(), segments[:5], CONFIG, root)
    expected = "mfcc: array total .*tolerance of 0.001.*raise its `version` to 2"
    with pytest.raises(ExtractorVersionError, match=expected):
        extract(Toy(scale=scale), segments, CONFIG, root)


def test_a_change_of_the_batch_shape_is_noticed(root: Path) -> None:
    segments = segmented(root)
    extract(Toy(batch_rows=4), segments, CONFIG, root)
    with pytest.raises(ExtractorVersionError, match="array call"):
        extract(Toy(batch_rows=2), segments, CONFIG, root)


def test_a_change_of_an_extractor_of_utterances_is_noticed(root: Path) -> None:
    segments = segmented(root)
    extract(Whole(), segments, CONFIG, root)
    changed = Whole()
    changed.scale = 2.0
    with pytest.raises(ExtractorVersionError, match="functionals"):
        extract(changed, segments, CONFIG, root)


def test_another_processor_may_round_differently(root: Path) -> None:
    segments = segmented(root)
    digest = extract(Toy(), segments, CONFIG, root)
    assert extract(Toy(scale=1.0005), segments, CONFIG, root) == digest


def test_a_new_version_has_rows_of_its_own(root: Path) -> None:
    segments = segmented(root)
    old = extract(Toy(), segments, CONFIG, root)
    new = extract(Newer(scale=2.0), segments, CONFIG, root)
    assert new.store != old.store
    assert not set(new.rows.values()) & set(old.rows.values())


@pytest.mark.parametrize("scale", [float("nan"), float("inf")])
def test_values_that_cannot_be_stored_stop_the_extraction(root: Path, scale: float) -> None:
    with pytest.raises(RangeError, match="mfcc: array total"):
        extract(Toy(scale=scale), segmented(root), CONFIG, root)


def test_an_extractor_that_breaks_its_promise_is_named(root: Path) -> None:
    class Wrong(Toy):
        arrays = (*Toy.arrays, ArraySpec("more", (2,), "float32", ("number",)))

    with pytest.raises(CacheError, match=r"mfcc: array more .* the extractor gave nothing"):
        extract(Wrong(), segmented(root), CONFIG, root)


def test_a_lost_wave_names_the_command_that_brings_it_back(root: Path) -> None:
    segments = segmented(root)
    (waveform_store(CONFIG, root).path / "commits/000000.json").unlink()
    with pytest.raises(MissingRowError, match=r"waveform.*`dvc repro` computes them"):
        extract(Toy(), segments, CONFIG, root)


def test_a_lost_shard_is_computed_again(root: Path) -> None:
    segments = segmented(root)
    digest = extract(Toy(), segments, CONFIG, root)
    before = read(root, digest)
    next((root / digest.store / "total").glob("c.1*")).unlink()
    toy = Toy()
    assert extract(toy, segments, CONFIG, root) == digest
    assert read(root, digest) == before
    assert len([wave for wave in toy.waves[4:] if wave.any()]) == 3


def test_a_damaged_cached_row_is_not_compared_but_reported(root: Path) -> None:
    segments = segmented(root)
    digest = extract(Toy(), segments, CONFIG, root)
    for path in (root / digest.store / "total").glob("c.*"):
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(DamagedRowError, match="verify --repair"):
        extract(Toy(), segments, CONFIG, root)


def test_threads_are_pinned(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_THREADS", "1")
    before = torch.get_num_threads()
    try:
        extract(Toy(), segmented(root), CONFIG, root)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_no_segments_give_an_empty_digest(root: Path) -> None:
    empty = segmented(root)[:0]
    assert extract(Toy(), empty, CONFIG, root).rows == {}
    assert extract(Whole(), empty, CONFIG, root).rows == {}


class Wide(Toy):
    """A row of 16 kB from a wave of as many bytes."""

    arrays = (ArraySpec("wave", (4000,), "float32", ("sample",)),)

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        return {"wave": np.ascontiguousarray(waves_BT[:, ::2])}


def peak_bytes(root: Path, rows: int) -> int:
    """What an extraction of so many rows takes at most."""
    config = SegmentConfig(duration_s=1.0, sample_rate_hz=8000)
    store = waveform_store(config, root)
    shas = [f"sha {row}" for row in range(rows)]
    keys = [store.spec.row_key(sha, 0) for sha in shas]
    full = np.full(1, config.samples, np.int64)
    counts = dict.fromkeys(("valid_samples", "clipped_samples", "total_samples"), full)
    with store.writer() as writer:
        for number, key in enumerate(keys):
            wave = np.full((1, config.samples), number + 1, np.int16)
            writer.append([key], {"wave": wave, **counts})
    places = zip(shas, keys, strict=True)
    table = pd.DataFrame(
        [(f"{sha}#0", sha, 0, 0, config.samples, 0, sha, key) for sha, key in places],
        columns=SEGMENTS.names,
    )
    tracemalloc.start()
    try:
        extract(Wide(), table, config, root)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_corpus(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for its names and keys: 250 rows more take less than an eighth of what they hold."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 16)
    few, many = (peak_bytes(root / str(rows), rows) for rows in (50, 300))
    assert few > 32 * 16_000  # two shards: what is measured is there
    assert many - few < 31 * 16_000


def test_waves_are_read_while_the_extractor_computes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segments, has_read_on = segmented(root), threading.Event()
    read_rows, reads = Store.read, []

    def read_and_tell(store: Store, *arguments: Any) -> Any:
        if store.spec.extractor == "waveform":
            reads.append(arguments)
            if len(reads) == 2:
                has_read_on.set()
        return read_rows(store, *arguments)

    class Waiting(Toy):
        def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
            assert has_read_on.wait(10)
            return super().extract(waves_BT, valid_B)

    monkeypatch.setattr(Store, "read", read_and_tell)
    assert len(extract(Waiting(), segments, CONFIG, root).rows) == SEGMENT_COUNT


def test_another_engine_is_given_what_is_missing(root: Path) -> None:
    segments, toy = segmented(root), Toy(batch_rows=2)
    extract(toy, segments[:3], CONFIG, root)

    class Elsewhere:
        """Writes one shard after another and commits them the other way round."""

        def fill(self, missing: MissingRows) -> None:
            writer, items, batch_rows, progress = missing
            maker, markers = RowMaker(Toy(batch_rows), waveform_store(CONFIG, root), CONFIG), []
            for first in range(0, len(items), 3):
                shard = maker.whole(items[first : first + 3])
                markers.append(write_shard(writer.layout, writer.reserve(), *shard))
            for marker in reversed(markers):
                writer.commit(marker)
                progress(len(marker.keys))

    found = read(root, extract(toy, segments, CONFIG, root, Elsewhere()))
    other = root.parent / "other"
    expected = read(other, extract(Toy(batch_rows=2), segmented(other), CONFIG, other))
    assert found == expected


def test_shards_of_half_minutes_are_put_together_at_the_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are those of an extraction that was fast."""
    segments = segmented(root)
    monkeypatch.setattr("mfsn.store.writer.COMMIT_AFTER_S", 0.0)
    seen: list[int] = []
    together = compaction.put_together

    def look_first(store: Store) -> None:
        seen.append(store.short_shards(1.0))
        together(store)

    monkeypatch.setattr("mfsn.features.extraction.extraction.put_together", look_first)
    digest = extract(Toy(batch_rows=1), segments, CONFIG, root)
    assert seen == [len(digest.rows)]
    full = -(-len(digest.rows) // layout.MOST_ROWS_PER_SHARD)
    assert Store(root, digest.spec).short_shards(1.0) == full
    report = verify(root, extractor=digest.extractor)
    assert (report.problems, report.shards, report.rows) == ((), full, len(digest.rows))
    other = root.parent / "other"
    fast = extract(Toy(batch_rows=1), segmented(other), CONFIG, other)
    assert read(root, digest) == read(other, fast)


def test_small_shards_stay_where_they_cannot_be_put_together(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mfsn.store.writer.COMMIT_AFTER_S", 0.0)

    def full(*_: object) -> None:
        raise StorageFullError("no space")

    monkeypatch.setattr(compaction, "add_shard", full)
    digest = extract(Toy(batch_rows=1), segmented(root), CONFIG, root)
    assert Store(root, digest.spec).short_shards(1.0) == len(digest.rows)
    assert "small shards stay as they are: no space" in caplog.text


def test_a_worker_hands_in_what_it_has_after_half_a_minute(root: Path) -> None:
    segments = segmented(root)
    items = Wanted.of(Toy(), segments, CONFIG, root).items[:]
    maker = RowMaker(Toy(batch_rows=2), waveform_store(CONFIG, root), CONFIG)
    whole_keys, whole = maker.whole(items)
    begun = maker.within(items, 0.0, lambda: False)
    assert begun is not None and begun[0] == whole_keys[:2]
    assert maker.within(items, 60.0, lambda: True) is None
    asked = iter([False, False, True])
    keys, rows = maker.within(items, 60.0, lambda: next(asked)) or ([], {})
    assert keys == whole_keys[:4]
    for name, values in rows.items():
        np.testing.assert_array_equal(values, whole[name][:4])
