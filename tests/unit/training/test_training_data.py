"""Rows in memory, batches, and the parts of folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mfsn.base.files import read_json, write_json
from mfsn.errors import MissingRowError
from mfsn.models.inputs import LEVEL_DB, MFCC, UTTERANCE_MAX_DB, Features
from mfsn.training.data.loading import load_data, make_rows

SHAPE = (5, 4)


def arrays(rows: int) -> dict[str, dict[str, Any]]:
    def values(*shape: int) -> Any:
        return np.random.default_rng(len(shape)).normal(size=(rows, *shape)).astype(np.float16)

    return {
        "sec": {level: values(*SHAPE) + i for i, level in enumerate(("low", "mid", "high"))},
        "tec": {"middle": values(*SHAPE), "last": values(*SHAPE) + 9},
        "spectrogram": {
            "level_db": values(6, 3),
            "max_db": np.arange(rows, dtype=np.float32),
        },
        "mfcc": {"mfcc": values(7, 2).astype(np.float32)},
    }


def test_a_batch_is_the_asked_rows_as_float32() -> None:
    source = arrays(4)
    rows = make_rows(source, ["a", "b", "c", "d"], np.array([8, 4, 8, 2]), 8)
    low = rows.columns["sec", "low"]
    assert isinstance(low, torch.Tensor)
    assert low.dtype == torch.float16
    batch = rows.features(torch.tensor([3, 1]))
    assert list(batch.of("sec")) == ["low", "mid", "high"]
    for (extractor, name), values in batch.arrays.items():
        assert values.dtype == torch.float32
        if (extractor, name) != UTTERANCE_MAX_DB:
            expected = source[extractor][name][[3, 1]].astype(np.float32)
            np.testing.assert_array_equal(values, expected)
    assert len(batch.arrays) == 8


def test_positions_that_begin_in_real_audio_count() -> None:
    rows = make_rows(arrays(4), ["a", "b", "c", "d"], np.array([8, 4, 8, 2]), 8)
    lengths = rows.features(torch.tensor([3, 1])).lengths
    assert {source: counted.tolist() for source, counted in lengths.items()} == {
        **{("sec", level): [2, 3] for level in ("low", "mid", "high")},  # of 5
        **{("tec", name): [2, 3] for name in ("middle", "last")},
        LEVEL_DB: [2, 3],  # of 6
        MFCC: [2, 4],  # of 7
    }


def test_only_the_inputs_that_are_read_are_made() -> None:
    rows = make_rows(arrays(2), ["a", "b"], np.array([8, 8]), 8)
    asked = [("sec", "low"), UTTERANCE_MAX_DB]
    features = rows.features(torch.tensor([0]), asked)
    assert list(features.arrays) == asked
    assert list(features.lengths) == asked[:1]


def all_rows(source: Any, utterances: list[str]) -> Features:
    rows = make_rows(source, utterances, np.full(len(utterances), 8), 8)
    return rows.features(torch.arange(len(utterances)))


def test_the_maximum_is_that_of_the_whole_utterance() -> None:
    features = all_rows(arrays(5), ["b", "a", "b", "a", "c"])
    assert features[UTTERANCE_MAX_DB].tolist() == [2, 3, 2, 3, 4]
    assert ("spectrogram", "max_db") not in features.arrays


def test_rows_of_a_length_of_their_own_have_it_counted() -> None:
    words = np.ones((3, 4, 2), np.float16)
    text = {"words": words, "words_valid": np.array([4, 0, 2], np.int64)}
    features = all_rows({"text": text, "mfcc": {"mfcc": words}}, ["a", "b", "c"])
    assert features.lengths["text", "words"].tolist() == [4, 0, 2]
    assert features.mask(("text", "words")).sum(1).tolist() == [4, 0, 2]
    assert features.lengths[MFCC].tolist() == [4, 4, 4]


def test_a_system_without_encoders_reads_none() -> None:
    features = all_rows({name: arrays(2)[name] for name in ("spectrogram", "mfcc")}, ["a", "b"])
    assert set(features.arrays) == {LEVEL_DB, UTTERANCE_MAX_DB, MFCC}
    assert features[LEVEL_DB].shape == (2, 6, 3)


def test_a_part_holds_the_segments_and_labels_of_its_utterances(toy: Any) -> None:
    experiment = toy(system="acoustic")
    data = load_data(experiment, "cpu")
    table = experiment.segments
    ids = ["s1p0loud2", "s0p0calm0", "s1p0calm1"]
    part = data.part(ids)
    segments = table.iloc[part.rows_N.numpy()]
    assert list(segments["utterance_id"]) == [ids[i] for i in part.utterance_N.tolist()]
    assert len(segments) == table["utterance_id"].isin(ids).sum() == 4
    assert part.labels_U.tolist() == [1, 0, 0]
    loud = segments["utterance_id"].str.contains("loud").astype(int)
    assert part.segment_labels.tolist() == loud.tolist()


def test_rows_stand_in_the_order_of_the_segment_table(toy: Any) -> None:
    experiment = toy()
    data = load_data(experiment, "cpu")
    columns: tuple[tuple[str, Any], ...] = (
        ("sec", data.rows.columns["sec", "mid"]),
        ("mfcc", data.rows.columns[MFCC]),
    )
    for name, found in columns:
        reader = experiment.reader(name)
        array = "mid" if name == "sec" else "mfcc"
        for index in (0, 7, len(data.segments) - 1):
            wanted = reader.read([data.segments["segment_id"].iloc[index]], [array])[array][0]
            np.testing.assert_array_equal(found[index], wanted)
    assert data.shapes.of("sec") == ("low", "mid", "high")
    assert data.shapes["sec", "high"] == (5, 4)
    assert data.shapes[MFCC] == (10, 3)


def test_a_segment_that_the_digest_does_not_know_is_refused(toy: Any) -> None:
    experiment = toy(system="acoustic")
    path = experiment.outputs.digest("mfcc")
    digest = read_json(path)
    digest["rows"].pop("s0p0calm0#0")
    write_json(path, digest)
    with pytest.raises(MissingRowError, match="no row for s0p0calm0#0"):
        load_data(experiment, "cpu")
