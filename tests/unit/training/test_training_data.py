"""Rows in memory, batches, and the parts of folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from mfsn.base.files import read_json, write_json
from mfsn.errors import MissingRowError
from mfsn.training.data.fold_data import load_data, make_rows, to_features

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
    low = rows.sec["low"]
    assert isinstance(low, torch.Tensor)
    assert low.dtype == torch.float16
    batch = rows.features(torch.tensor([3, 1]))
    assert list(batch.sec) == ["low", "mid", "high"]
    for level, values in batch.sec.items():
        assert values.dtype == torch.float32
        np.testing.assert_array_equal(values, source["sec"][level][[3, 1]].astype(np.float32))
    np.testing.assert_array_equal(batch.mfcc_BMK, source["mfcc"]["mfcc"][[3, 1]])
    assert batch.tec_BTD is not None
    np.testing.assert_array_equal(batch.tec_BTD, source["tec"]["last"][[3, 1]])
    assert batch.valid_B.tolist() == [0.25, 0.5]


def test_only_the_levels_that_are_read_are_made() -> None:
    rows = make_rows(arrays(2), ["a", "b"], np.array([8, 8]), 8)
    assert set(rows.features(torch.tensor([0]), {"low", "high"}).sec) == {"low", "high"}


def test_the_maximum_is_that_of_the_whole_utterance() -> None:
    features = to_features(arrays(5), ["b", "a", "b", "a", "c"], np.full(5, 8), 8)
    assert features.utterance_max_B.tolist() == [2, 3, 2, 3, 4]


def test_a_system_without_encoders_reads_none() -> None:
    acoustic = {name: arrays(2)[name] for name in ("spectrogram", "mfcc")}
    features = to_features(acoustic, ["a", "b"], np.array([8, 8]), 8)
    assert features.sec == {}
    assert features.tec_BTD is None
    assert features.spectrogram_BSF.shape == (2, 6, 3)


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
        ("sec", data.rows.sec["mid"]),
        ("mfcc", data.rows.mfcc_NMK),
    )
    for name, found in columns:
        reader = experiment.reader(name)
        array = "mid" if name == "sec" else "mfcc"
        for index in (0, 7, len(data.segments) - 1):
            wanted = reader.read([data.segments["segment_id"].iloc[index]], [array])[array][0]
            np.testing.assert_array_equal(found[index], wanted)
    assert data.levels == ("low", "mid", "high")
    assert data.shapes.sec_frames == 5
    assert data.shapes.mfcc_coefficients == 3


def test_a_segment_that_the_digest_does_not_know_is_refused(toy: Any) -> None:
    experiment = toy(system="acoustic")
    path = experiment.outputs.digest("mfcc")
    digest = read_json(path)
    digest["rows"].pop("s0p0calm0#0")
    write_json(path, digest)
    with pytest.raises(MissingRowError, match="no row for s0p0calm0#0"):
        load_data(experiment, "cpu")
