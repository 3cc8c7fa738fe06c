"""System `layer_statistics`: deviations and all levels beside the means of a probe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.errors import ConfigError
from mfsn.features.extraction.in_memory import Recording
from mfsn.systems.linear import scorer
from mfsn.systems.linear.fits import Vectors
from mfsn.systems.linear.layer_statistics import LayerStatisticsFits
from mfsn.systems.linear.layer_statistics_config import ALL_LEVELS, LayerStatisticsConfig
from mfsn.systems.linear.probe import ProbeFits
from mfsn.systems.linear.statistics import segment_statistics, utterance_statistics
from mfsn.systems.train import run_train
from mfsn.training.config import ClassicalConfig
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units

LEVELS = ("low", "mid", "high")


@pytest.fixture
def described(toy: Any) -> Experiment:
    grid = ClassicalConfig(c_grid=(0.01, 1.0))
    experiment: Experiment = toy(
        system="layer_statistics", separation=0.3, own=LayerStatisticsConfig(), classical=grid
    )
    return experiment


def loaded(experiment: Experiment, **config: object) -> Vectors:
    own = LayerStatisticsConfig.model_validate(config)
    return LayerStatisticsFits(replace(experiment, own=own), streaming=False).load()


def weighted_frames(experiment: Experiment, name: str) -> Iterator[tuple[Any, Any]]:
    """The valid frames of each segment of an utterance at level mid, and the weight of each."""
    segments = experiment.segments
    own = segments[segments["utterance_id"] == name]
    rows = experiment.reader("sec").read(own["segment_id"].tolist(), ["mid"])["mid"]
    for row, valid in zip(rows, own["valid_samples"], strict=True):
        heard = -(-int(valid) * len(row) // experiment.segment.samples)
        yield row[:heard].astype(np.float64), np.full(heard, valid / heard)


def test_vectors_are_those_of_a_loop(described: Experiment) -> None:
    data = loaded(described)
    for name in described.manifest["utterance_id"][:4]:
        parts = [*zip(*weighted_frames(described, name), strict=True)]
        frames, weights = (np.concatenate(part) for part in parts)
        mean = np.average(frames, axis=0, weights=weights)
        deviation = np.sqrt(np.average((frames - mean) ** 2, axis=0, weights=weights))
        # Sums of some ten numbers of size 1 in float32: a few units in the seventh digit.
        np.testing.assert_allclose(data.of("mid", [name])[0], [*mean, *deviation], atol=2e-6)


def test_all_levels_stand_one_after_the_other(described: Experiment) -> None:
    data = loaded(described)
    assert [*data.levels] == [*LEVELS, ALL_LEVELS]
    joined = np.concatenate([data.levels[name] for name in LEVELS], axis=1)
    assert np.array_equal(data.levels[ALL_LEVELS], joined)
    assert [*loaded(described, together=False).levels] == [*LEVELS]


def test_the_means_are_those_of_a_probe(described: Experiment) -> None:
    means = ProbeFits(described, streaming=False).load()
    data = loaded(described, statistics="mean", together=False)
    for level in LEVELS:
        assert np.array_equal(data.levels[level], means.levels[level])


def test_padding_changes_nothing_and_large_values_do_not_cancel() -> None:
    rng = np.random.default_rng(0)
    hidden, valid = rng.normal(size=(3, 8, 4)).astype(np.float32), np.array([80, 30, 50])
    own = np.array([0, 0, 1])

    def both(rows: Any) -> Any:
        return np.stack(utterance_statistics(*segment_statistics(rows, valid, 80), valid, own))

    padded = hidden.copy()
    for row, heard in zip(padded, (8, 3, 5), strict=True):
        row[heard:] = np.nan
    assert np.array_equal(both(padded), both(hidden))
    # Rounding 1000 + x to float32 changes x by at most 3.1e-5, so the deviation too.
    np.testing.assert_allclose(both(hidden + 1000)[1], both(hidden)[1], atol=2e-4)


def test_memory_is_estimated_with_all_levels(described: Experiment) -> None:
    held = sum(rows.nbytes for rows in loaded(described).levels.values())
    assert LayerStatisticsFits.held_bytes(described.sizes) == held


def test_a_stored_mean_has_no_deviation(
    described: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = [replace(array, shape=(1, array.shape[1])) for array in described.arrays["sec"]]
    monkeypatch.setattr(Experiment, "arrays", {"sec": tuple(stored)})
    with pytest.raises(ConfigError, match=r"set sec\.frames: all, or statistics: mean"):
        loaded(described)


def test_the_stage_describes_every_level_and_says_what_it_fitted(described: Experiment) -> None:
    lines: list[str] = []
    run_train(described, 1, lines.append)
    folders = sorted(described.outputs.models.glob("*-seed0"))
    assert len(folders) == 3
    for folder in folders:
        levels = json.loads((folder / "levels.json").read_text())["levels"]
        assert [level["level"] for level in levels] == [*LEVELS, ALL_LEVELS]
    run = json.loads((described.outputs.models / "run.json").read_text())
    assert "mean and deviation of one SEC level or all together" in json.dumps(run)


def test_deviations_alone_can_tell_classes_apart(described: Experiment) -> None:
    """Classes differ by their spread only, so a probe of means is at chance."""
    unit = plan_units(described, "train", "model.json")[0]
    rng, data = np.random.default_rng(0), loaded(described, together=False)
    mean = rng.normal(size=(len(data.position), 6))
    loud = np.array([data.labels[name] for name in data.position])[:, None]
    both = np.concatenate([mean, 1 + loud + 0.1 * rng.normal(size=mean.shape)], axis=1)
    found = {}
    for name, rows in (("mean", mean), ("mean_std", both)):
        fits = LayerStatisticsFits(described, streaming=False)
        fits.fit(unit, replace(data, levels={"mid": rows}))
        written = pd.read_parquet(unit.folder / "predictions.parquet")
        decided = written.filter(like="log_posterior").to_numpy().argmax(axis=1)
        actual = [data.labels[each] for each in written["utterance_id"]]
        found[name] = np.mean(decided == actual)
    assert found["mean_std"] == 1
    assert found["mean"] < 0.9


@pytest.mark.parametrize("level", ["mid", ALL_LEVELS])
@pytest.mark.parametrize("statistics", ["mean", "mean_std"])
def test_recordings_are_scored_as_in_training(
    described: Experiment, monkeypatch: pytest.MonkeyPatch, statistics: Any, level: str
) -> None:
    own = LayerStatisticsConfig(statistics=statistics)
    experiment = replace(described, own=own)
    data, unit = loaded(described, statistics=statistics), plan_units(experiment, "train", "x")[0]
    LayerStatisticsFits(experiment, streaming=False).fit(
        unit, replace(data, levels={level: data.levels[level]})
    )
    segments = described.segments
    ids = list(unit.fold.test)
    group = [_recording(described, segments, name) for name in ids]
    order = [each for name in ids for each in segments[segments["utterance_id"] == name].segment_id]
    rows = described.reader("sec").read(order, list(LEVELS))
    monkeypatch.setattr(scorer, "extract_recordings", lambda *_: rows)
    scored = scorer.LayerStatisticsScorer(unit.folder, {"sec": None})(group)  # type: ignore[dict-item]
    written = pd.read_parquet(unit.folder / "predictions.parquet")
    np.testing.assert_allclose(
        scored, written.filter(like="log_posterior").to_numpy(), rtol=1e-5, atol=1e-5
    )


def _recording(experiment: Experiment, segments: pd.DataFrame, name: str) -> Recording:
    """What the scorer reads of a recording: its segments and their real audio."""
    from unittest.mock import Mock

    own = segments[segments["utterance_id"] == name]
    found: Recording = Mock(
        segment=experiment.segment,
        valid_S=own["valid_samples"].to_numpy(),
        segments=own["segment_id"].tolist(),
    )
    return found
