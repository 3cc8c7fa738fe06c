"""Intervals: of the means over folds, over draws of speakers, from the parameters alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom  # type: ignore[import-untyped]
from sklearn.metrics import balanced_accuracy_score

from mfsn.evaluation.classes import summarise
from mfsn.evaluation.config import EvaluateConfig

CLASSES = ["calm", "tense"]
SPEAKERS = 6
EACH = 20


def predictions(
    random: np.random.Generator, alike: bool, seeds: int = 1, speakers: int = SPEAKERS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decisions and manifest; `alike`: each speaker is recognised always or never."""
    records: list[dict[str, Any]] = []
    for seed in range(seeds):
        for speaker in range(speakers):
            for number in range(EACH):
                right = speaker % 2 == 0 if alike else random.random() < 0.5
                label = CLASSES[number % 2]
                records.append(
                    {
                        "utterance_id": f"{speaker}-{number}",
                        "fold": f"f{speaker % 3}",
                        "seed": seed,
                        "selection": "held_out",
                        "label": label,
                        "predicted": label if right else CLASSES[1 - number % 2],
                    }
                )
    table = pd.DataFrame(records)
    ids = table["utterance_id"].drop_duplicates()
    manifest = pd.DataFrame({"utterance_id": ids, "speaker": ids.str[0], "congruent": None})
    return table, manifest


def summary(table: pd.DataFrame, manifest: pd.DataFrame, **evaluate: Any) -> dict[str, Any]:
    config = EvaluateConfig.parse(evaluate, "test")
    return summarise(table, manifest, CLASSES, "held_out", config)


def width(found: dict[str, Any], name: str = "wa") -> float:
    return float(found["intervals"][name]["high"] - found["intervals"][name]["low"])


def test_the_score_lies_within_its_interval() -> None:
    found = summary(*predictions(np.random.default_rng(0), alike=False, seeds=2))
    for name in ("ua", "wa", "macro_f1"):
        ends = found["intervals"][name]
        assert ends["low"] < found[name] < ends["high"]
    assert found["intervals"]["draws"] == 1000
    assert (found["intervals"]["speakers"], found["intervals"]["utterances"]) == (SPEAKERS, 0)


def unequal_folds() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A large fold whose speakers are mostly recognised, and a small one where few are."""
    random, records = np.random.default_rng(7), []
    for speaker in range(12):
        fold, right = ("large", 0.95) if speaker < 9 else ("small", 0.3)
        for number in range(40 if fold == "large" else 10):
            label = CLASSES[number % 2]
            other = CLASSES[1 - number % 2]
            records.append(
                {
                    "utterance_id": f"{speaker}-{number}",
                    "speaker": str(speaker),
                    "fold": fold,
                    "seed": 0,
                    "selection": "held_out",
                    "label": label,
                    "predicted": label if random.random() < right else other,
                }
            )
    table = pd.DataFrame(records)
    return table, table[["utterance_id", "speaker"]].assign(congruent=None)


def test_it_is_the_interval_of_the_mean_over_folds_and_not_of_the_pooled_score() -> None:
    found = summary(*unequal_folds())
    ends = found["intervals"]["ua"]
    assert found["ua"] < found["pooled"]["ua"] - 0.2
    assert ends["low"] < found["ua"] < ends["high"]


def test_each_draw_is_a_mean_over_folds_of_the_drawn_speakers() -> None:
    """Counted one draw after the other, with the scores of scikit-learn."""
    table, manifest = unequal_folds()
    speakers = sorted(manifest["speaker"].unique())
    times = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=60)
    speaker, means = table["utterance_id"].str.split("-").str[0], []
    for drawn in times:
        often = dict(zip(speakers, drawn, strict=True))
        total, weights = 0.0, 0.0
        for fold, own in table.groupby("fold"):
            weight = speaker[own.index].map(often)
            if weight.sum() == 0:
                continue
            share = sum(often[s] for s in set(speaker[own.index])) / (9 if fold == "large" else 3)
            kept = own[weight > 0]
            recall = balanced_accuracy_score(
                kept["label"], kept["predicted"], sample_weight=weight[weight > 0]
            )
            total, weights = total + share * recall, weights + share
        means.append(total / weights)
    found = summary(table, manifest, interval_draws=60, interval_seed=3)["intervals"]["ua"]
    low, high = np.quantile(means, [0.025, 0.975])
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-6)


def test_one_speaker_per_fold_is_the_bootstrap_of_a_mean_over_speakers() -> None:
    table, manifest = predictions(np.random.default_rng(8), alike=True, speakers=8)
    table["fold"] = table["utterance_id"].str[0]
    found = summary(table, manifest, interval_draws=4000)
    # Eight speakers of whom half are always recognised: a share with n = 8.
    ends = found["intervals"]["ua"]
    expected = binom.ppf([0.025, 0.975], 8, 0.5) / 8
    assert (ends["low"], ends["high"]) == pytest.approx(tuple(expected), abs=1e-6)


def test_without_clusters_it_is_that_of_a_share() -> None:
    """The standard error of the mean of independent decisions is sqrt(p (1 - p) / n)."""
    table, manifest = predictions(np.random.default_rng(1), alike=False, speakers=9)
    found = summary(table, manifest.assign(speaker=None), interval_draws=4000)
    p, n = found["pooled"]["wa"], len(table)
    assert found["intervals"]["utterances"] == n
    assert width(found) == pytest.approx(2 * 1.96 * np.sqrt(p * (1 - p) / n), rel=0.1)


def test_utterances_of_one_speaker_are_drawn_together() -> None:
    table, manifest = predictions(np.random.default_rng(2), alike=True)
    by_speaker = width(summary(table, manifest))
    by_utterance = width(summary(table, manifest.assign(speaker=None)))
    assert by_speaker > 2 * by_utterance


def test_speakers_that_are_all_alike_leave_no_doubt() -> None:
    table, manifest = predictions(np.random.default_rng(3), alike=True)
    table["predicted"] = table["label"]
    found = summary(table, manifest)["intervals"]
    assert found["ua"] == {"low": 1.0, "high": 1.0}


def test_seeds_of_training_are_averaged_and_not_drawn() -> None:
    """Two seeds of which one is always right and the other never."""
    table, manifest = predictions(np.random.default_rng(4), alike=True, seeds=2)
    wrong = table["label"].map({"calm": "tense", "tense": "calm"})
    table["predicted"] = table["label"].where(table["seed"] == 0, wrong)
    assert summary(table, manifest)["intervals"]["wa"] == {"low": 0.5, "high": 0.5}


def test_the_seed_is_a_parameter_and_the_order_of_rows_is_none() -> None:
    table, manifest = predictions(np.random.default_rng(5), alike=False)
    first = summary(table, manifest)["intervals"]
    assert summary(table[::-1], manifest[::-1])["intervals"] == first
    assert summary(table, manifest, interval_seed=1)["intervals"] != first


@pytest.mark.parametrize("evaluate", [{"interval_draws": 0}, {}])
def test_no_draws_or_one_speaker_give_no_interval(evaluate: dict[str, Any]) -> None:
    speakers = 2 if evaluate else 1
    table, manifest = predictions(np.random.default_rng(6), alike=False, speakers=speakers)
    assert "intervals" not in summary(table, manifest, **evaluate)
