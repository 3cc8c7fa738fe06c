"""What holds for every aggregation, whatever the segments say."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mfsn.evaluation.aggregation import decide
from mfsn.evaluation.config import EvaluateConfig

CONFIGS = st.builds(
    EvaluateConfig,
    aggregation=st.sampled_from(["mean_log_posterior", "mean_posterior", "majority_vote"]),
    weigh_by_duration=st.booleans(),
)
CLASSES = 3


@st.composite
def segments(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Log-posteriors (S, 3), utterance indices without gaps, and valid samples."""
    count = draw(st.integers(1, 9))
    scores = draw(arrays(np.float64, (count, CLASSES), elements=st.floats(-9, 9)))
    log_posteriors = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    names = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    _, utterance = np.unique(names, return_inverse=True)
    valid = draw(arrays(np.int64, count, elements=st.integers(1, 48_000)))
    return log_posteriors, utterance, valid


@given(segments(), CONFIGS)
@settings(deadline=None, max_examples=30)
def test_posteriors_are_posteriors_and_the_decision_is_a_largest_one(
    made: tuple[Any, Any, Any], config: EvaluateConfig
) -> None:
    found = decide(*made, config)
    assert found.posterior_UC.shape == (made[1].max() + 1, CLASSES)
    assert (found.posterior_UC >= 0).all()
    np.testing.assert_allclose(found.posterior_UC.sum(axis=1), 1)
    chosen = np.take_along_axis(found.posterior_UC, found.predicted_U[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(chosen, found.posterior_UC.max(axis=1))


@given(segments(), CONFIGS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_the_order_of_segments_does_not_matter(
    made: tuple[Any, Any, Any], config: EvaluateConfig, random: Any
) -> None:
    order = list(range(len(made[1])))
    random.shuffle(order)
    shuffled = decide(made[0][order], made[1][order], made[2][order], config)
    np.testing.assert_allclose(
        shuffled.posterior_UC, decide(*made, config).posterior_UC, rtol=1e-9, atol=1e-12
    )


@given(segments(), st.booleans())
@settings(deadline=None, max_examples=30)
def test_an_utterance_of_one_segment_keeps_its_posterior(
    made: tuple[Any, Any, Any], weighted: bool
) -> None:
    log_posteriors, _, valid = made
    alone = np.arange(len(valid))
    for name in ("mean_log_posterior", "mean_posterior"):
        config = EvaluateConfig.parse({"aggregation": name, "weigh_by_duration": weighted}, "test")
        found = decide(log_posteriors, alone, valid, config)
        np.testing.assert_allclose(found.posterior_UC, np.exp(log_posteriors))
        np.testing.assert_array_equal(found.predicted_U, log_posteriors.argmax(axis=1))


@given(segments(), CONFIGS, st.integers(2, 5))
@settings(deadline=None, max_examples=30)
def test_durations_count_by_their_ratio(
    made: tuple[Any, Any, Any], config: EvaluateConfig, factor: int
) -> None:
    log_posteriors, utterance, valid = made
    longer = decide(log_posteriors, utterance, valid * factor, config)
    np.testing.assert_allclose(longer.posterior_UC, decide(*made, config).posterior_UC, rtol=1e-9)
