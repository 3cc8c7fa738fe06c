"""What is gathered of an utterance: features in order, decisions, and who made them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mfsn.corpora.config import LabelsConfig
from mfsn.errors import ManifestError
from mfsn.manifest import SEGMENTS, read_table, write_table
from mfsn.params import Params
from mfsn.report.utterance.decision import Decision, Vote
from mfsn.report.utterance.source import Source, open_source
from mfsn.report.utterance.utterance import gather, levels_of
from mfsn.store.reader import FeatureReader
from mfsn.workspace import Outputs

Open = Callable[[], Source]
Predict = Callable[..., None]


def test_the_wave_is_whole_and_without_padding(opened: Open) -> None:
    found = gather(opened(), "one/clip$1$")
    np.testing.assert_allclose(found.wave * 32768, np.arange(360))
    assert found.duration_s == 360 / 1600


def test_features_are_those_of_the_utterances_segments_in_order(opened: Open) -> None:
    found = gather(opened(), "one/clip$1$")
    assert found.spectrogram_db is not None and found.mfcc is not None
    assert found.spectrogram_db.shape == (3, 10, 5)
    np.testing.assert_array_equal(found.mfcc[:, 0, 0], [1, 2, 3])


def test_levels_leave_padding_out_of_their_mean(opened: Open) -> None:
    levels = gather(opened(), "one/clip$1$").levels
    assert list(levels) == ["SEC low", "SEC mid", "SEC high", "TEC last"]
    # Frames of real audio: 7 of 7 in segments 0 and 1, 2 of 7 in segment 2 (a quarter, rounded up).
    mean = (7 * 1 + 7 * 2 + 2 * 3) / 16
    level = levels["SEC mid"]
    np.testing.assert_allclose(level.mean_D, [mean] * 3, rtol=1e-6)
    distance = np.sqrt(3) * np.abs(np.array([1, 2, 3]) - mean)
    np.testing.assert_allclose(level.distance_ST, np.repeat(distance[:, None], 7, 1), rtol=1e-6)
    norm = np.sqrt(3) * np.array([1, 2, 3])
    np.testing.assert_allclose(level.norm_ST, np.repeat(norm[:, None], 7, 1), rtol=1e-6)


class TurningFrames:
    """Stands for a reader: each frame is a direction, turned by 0, 90, 90, 180, 0, 0, 0 degrees."""

    def read(self, ids: Sequence[str]) -> dict[str, Any]:
        angle = np.deg2rad(np.cumsum([0, 90, 90, 180, 0, 0, 0]))
        frames = 5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return {"mid": np.tile(frames, (len(ids), 1, 1)), "mean": np.ones((len(ids), 1, 2))}


def test_change_is_how_far_a_frame_turned_since_the_one_before(opened: Open) -> None:
    readers = {"sec": cast("FeatureReader", TurningFrames())}
    levels = levels_of(replace(opened(), readers=readers), "one/clip$1$")
    # The first frame has none before it in its segment and takes the change of the second.
    np.testing.assert_allclose(levels["SEC mid"].change_ST, [[1, 1, 1, 2, 0, 0, 0]] * 3, atol=1e-6)
    np.testing.assert_array_equal(levels["SEC mean"].change_ST, np.zeros((3, 1)))


class NumberedFrames:
    """Stands for a reader of rows whose frames are their own numbers."""

    def read(self, ids: Sequence[str]) -> dict[str, Any]:
        return {"mid": np.tile(np.arange(7.0)[:, None], (len(ids), 1, 1))}


def test_as_published_frames_stand_where_their_audio_does(opened: Open) -> None:
    source = opened()
    segment = source.params.segment.model_copy(update={"reading": "as_published"})
    params, readers = (
        source.params.model_copy(update={"segment": segment}),
        {"sec": cast("FeatureReader", NumberedFrames())},
    )
    level = levels_of(replace(source, params=params, readers=readers), "one/clip$1$")["SEC mid"]
    # Padded at the front: the last 2 frames of segment 2 are real.
    assert level.norm_ST.tolist() == [[0, 1, 2, 3, 4, 5, 6]] * 2 + [[5, 6, 0, 1, 2, 3, 4]]
    assert level.is_real_ST[2].tolist() == [True, True] + [False] * 5
    np.testing.assert_allclose(level.mean_D, [(2 * sum(range(7)) + 5 + 6) / 16], rtol=1e-6)


def test_mfcc_are_spread_by_real_audio_alone(opened: Open) -> None:
    spread = gather(opened(), "one/clip$1$").spread_mfcc
    assert spread is not None
    # Frames of real audio: 10, 10 and 3, of values 1, 2 and 3.
    real = np.repeat([1, 2, 3], [10, 10, 3])
    expected = (np.array([1, 2, 3]) - real.mean()) / real.std()
    np.testing.assert_allclose(spread[:, 9, 0], expected, rtol=1e-5)


def test_before_training_there_is_no_decision(opened: Open) -> None:
    found = gather(opened(), "one/clip2")
    assert found.decision is None
    assert found.segment_posterior_SC.size == 0


def test_decisions_are_means_over_seeds_of_the_rule_that_counts(
    opened: Open, predict: Predict
) -> None:
    predict("one/clip$1$", "one/clip2")
    found = gather(opened(), "one/clip$1$")
    assert found.decision is not None
    np.testing.assert_allclose(found.decision.posterior, [0.75, 0.25])
    np.testing.assert_allclose(found.segment_posterior_SC, [[0.75, 0.25]] * 3)
    assert found.decision.is_right
    assert found.decision.origin == "out-of-fold: fold f1, seeds 0, 1"


def test_seeds_that_disagree_are_decided_by_their_mean() -> None:
    votes = [
        Vote("f1", seed, name, np.array([calm, 1 - calm]))
        for seed, name, calm in ((0, "calm", 0.6), (1, "tense", 0.1))
    ]
    decision = Decision("calm", "oracle_test", ["calm", "tense"], votes)
    assert (decision.predicted, decision.is_right) == ("tense", False)
    assert decision.confidence == pytest.approx(0.65)
    assert decision.origin.endswith("; epoch chosen on that test fold")


def test_systems_that_decide_whole_utterances_have_no_segments(
    opened: Open, predict: Predict
) -> None:
    predict("one/clip$1$", whole=True)
    found = gather(opened(), "one/clip$1$")
    assert found.segment_posterior_SC.shape == (0, 2)
    assert found.decision is not None
    np.testing.assert_allclose(found.decision.posterior, [0.75, 0.25])


def test_an_utterance_outside_the_test_folds_has_no_decision(
    opened: Open, predict: Predict
) -> None:
    predict("one/clip$1$")
    assert gather(opened(), "one/clip2").decision is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("one/clip3", r"no utterance one/clip3; similar ids are one/clip2"),
        ("zzz", r"no utterance zzz; .*manifest\.parquet"),
    ],
)
def test_an_unknown_utterance_is_refused(opened: Open, name: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        gather(opened(), name)


def test_an_utterance_without_segments_is_refused(opened: Open, outputs: Outputs) -> None:
    table = read_table(outputs.segments, SEGMENTS)
    write_table(outputs.segments, table[table["utterance_id"] != "one/clip2"], SEGMENTS)
    with pytest.raises(ManifestError, match="no segments of one/clip2; run `dvc repro`"):
        gather(opened(), "one/clip2")


def test_an_extractor_that_has_not_run_leaves_a_gap(opened: Open, outputs: Outputs) -> None:
    for name in ("tec", "mfcc"):
        outputs.digest(name).unlink()
    source = opened()
    found = gather(source, "one/clip2")
    assert source.missing == ["mfcc", "tec"]
    assert (found.mfcc, found.spread_mfcc) == (None, None)
    assert list(found.levels) == ["SEC low", "SEC mid", "SEC high"]


def test_what_cannot_be_read_is_a_gap_with_a_reason(
    opened: Open, outputs: Outputs, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "store" / "mfcc")
    outputs.digest("tec").write_text("{", "utf-8")
    source = opened()
    assert source.missing == ["mfcc", "tec"]
    assert "4 rows not in" in source.troubles["mfcc"]
    assert "tec.json is not a digest" in source.troubles["tec"]
    assert list(gather(source, "one/clip2").levels) == ["SEC low", "SEC mid", "SEC high"]


def test_predictions_of_other_classes_are_refused(
    predict: Predict, tmp_path: Path, params: Params
) -> None:
    predict("one/clip2")
    others = params.model_copy(update={"labels": LabelsConfig(classes=["x", "y"])})
    with pytest.raises(ManifestError, match=r"posterior_calm.*run `dvc repro`"):
        open_source(tmp_path, others)
