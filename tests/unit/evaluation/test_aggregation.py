"""Decisions on utterances whose segments disagree, worked out by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from mfsn.errors import PredictionError
from mfsn.evaluation.aggregation import Decisions, decide
from mfsn.evaluation.config import EvaluateConfig

GEOMETRIC = EvaluateConfig(aggregation="mean_log_posterior")
ARITHMETIC = EvaluateConfig(aggregation="mean_posterior")
VOTE = EvaluateConfig(aggregation="majority_vote")
# Two segments barely for class 0, one firmly for class 1.
DISAGREEING = [[0.55, 0.45], [0.55, 0.45], [0.05, 0.95]]


def decided(
    posteriors: list[list[float]],
    config: EvaluateConfig,
    valid: list[int] | None = None,
    utterance: list[int] | None = None,
) -> Decisions:
    count = len(posteriors)
    return decide(
        np.log(np.array(posteriors)),
        np.array(utterance or [0] * count),
        np.array(valid or [48_000] * count),
        config,
    )


def test_geometric_mean_listens_to_firm_segments() -> None:
    found = decided(DISAGREEING, GEOMETRIC)
    means = np.array([0.55**2 * 0.05, 0.45**2 * 0.95]) ** (1 / 3)
    np.testing.assert_allclose(found.posterior_UC[0], means / means.sum())
    assert found.predicted_U.tolist() == [1]


def test_arithmetic_mean() -> None:
    found = decided(DISAGREEING, ARITHMETIC)
    np.testing.assert_allclose(found.posterior_UC[0], [1.15 / 3, 1.85 / 3])


def test_majority_counts_heads_and_its_posterior_is_the_share_of_votes() -> None:
    found = decided(DISAGREEING, VOTE)
    np.testing.assert_allclose(found.posterior_UC[0], [2 / 3, 1 / 3])
    assert found.predicted_U.tolist() == [0]


def test_a_tied_vote_goes_to_the_larger_mean_log_posterior() -> None:
    found = decided([[0.55, 0.45], [0.05, 0.95]], VOTE)
    assert found.posterior_UC[0].tolist() == [0.5, 0.5]
    assert found.predicted_U.tolist() == [1]


def test_a_tie_break_cannot_choose_a_class_without_votes() -> None:
    found = decided([[0.51, 0.0001, 0.4899], [0.0001, 0.51, 0.4899]], VOTE)
    assert found.predicted_U[0] in (0, 1)


@pytest.mark.parametrize("name", ["mean_log_posterior", "mean_posterior", "majority_vote"])
def test_duration_weighting_is_repeating_a_segment(name: str) -> None:
    weighted = EvaluateConfig.parse({"aggregation": name, "weigh_by_duration": True}, "test")
    plain = EvaluateConfig.parse({"aggregation": name}, "test")
    long_and_short = decided([[0.7, 0.3], [0.2, 0.8]], weighted, valid=[48_000, 16_000])
    repeated = decided([[0.7, 0.3]] * 3 + [[0.2, 0.8]], plain)
    np.testing.assert_allclose(long_and_short.posterior_UC, repeated.posterior_UC)
    assert long_and_short.predicted_U == repeated.predicted_U


def test_votes_weighted_by_duration_can_tie_exactly() -> None:
    config = EvaluateConfig(aggregation="majority_vote", weigh_by_duration=True)
    posteriors = [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]
    found = decided(posteriors, config, valid=[10_001, 20_002, 30_003])
    assert found.posterior_UC[0].tolist() == [0.5, 0.5]


def test_without_weighting_duration_does_not_count() -> None:
    short_tail = decided(DISAGREEING, GEOMETRIC, valid=[48_000, 48_000, 1])
    np.testing.assert_array_equal(
        short_tail.posterior_UC, decided(DISAGREEING, GEOMETRIC).posterior_UC
    )


def test_each_utterance_has_its_own_segments() -> None:
    found = decided(DISAGREEING, GEOMETRIC, utterance=[1, 0, 1])
    np.testing.assert_allclose(found.posterior_UC[0], [0.55, 0.45])
    assert found.predicted_U.tolist() == [0, 1]


def test_a_certain_segment_does_not_overflow() -> None:
    log_posteriors = np.array([[0.0, -2000.0], [-2000.0, 0.0], [0.0, -2000.0]])
    found = decide(log_posteriors, np.zeros(3, np.int64), np.ones(3, np.int64), GEOMETRIC)
    assert np.isfinite(found.posterior_UC).all()
    assert found.predicted_U.tolist() == [0]


@pytest.mark.parametrize(
    ("log_posteriors", "utterance", "valid", "words"),
    [
        (np.zeros((0, 2)), [], [], "no segments"),
        (np.array([[np.nan, 0.0]]), [0], [1], "not finite"),
        (np.array([[-np.inf, 0.0]]), [0], [1], "not finite"),
        (np.zeros((1, 2)), [1], [1], "without gaps"),
        (np.zeros((1, 2)), [0], [0], "no real audio"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    log_posteriors: npt.NDArray[np.float64], utterance: list[int], valid: list[int], words: str
) -> None:
    with pytest.raises(PredictionError, match=words):
        decide(log_posteriors, np.array(utterance, int), np.array(valid, int), GEOMETRIC)
