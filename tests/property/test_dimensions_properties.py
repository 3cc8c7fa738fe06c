"""What holds for every set of values: bounds and symmetry of CCC, means within their parts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mfsn.evaluation.aggregation import mean_values
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.metrics import concordance, mean_squared_error

RATINGS = st.integers(-40, 40).map(lambda number: number / 8)
Pair = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    shape = (draw(st.integers(1, 12)), draw(st.integers(1, 3)))
    actual, predicted = (draw(arrays(np.float64, shape, elements=RATINGS)) for _ in range(2))
    return actual, predicted


@settings(deadline=None, max_examples=25)
@given(pairs())
def test_ccc_is_symmetric_and_bounded(pair: Pair) -> None:
    actual, predicted = pair
    found = concordance(actual, predicted)
    np.testing.assert_allclose(found, concordance(predicted, actual), atol=1e-12)
    assert (np.abs(found) <= 1 + 1e-12).all()


@settings(deadline=None, max_examples=25)
@given(pairs(), st.sampled_from([-2.0, 0.5, 3.0]), st.sampled_from([0.25, 2.0, 8.0]))
def test_ccc_does_not_depend_on_the_unit_and_mse_on_its_square(
    pair: Pair, shift: float, scale: float
) -> None:
    actual, predicted = pair
    moved = (actual * scale + shift, predicted * scale + shift)
    np.testing.assert_allclose(concordance(*moved), concordance(*pair), atol=1e-9)
    mse = mean_squared_error(*moved)
    np.testing.assert_allclose(mse, scale**2 * mean_squared_error(*pair), atol=1e-9)


@settings(deadline=None, max_examples=25)
@given(pairs(), st.sampled_from([0.5, 2.0]))
def test_only_the_labels_themselves_agree_in_full(pair: Pair, shift: float) -> None:
    actual, _ = pair
    varies = np.ptp(actual, axis=0) > 0
    np.testing.assert_allclose(concordance(actual, actual), varies.astype(float))
    assert (concordance(actual, actual + shift) < 1).all()


@settings(deadline=None, max_examples=25)
@given(pairs(), st.booleans())
def test_a_mean_lies_within_its_segments(pair: Pair, weigh: bool) -> None:
    values, _ = pair
    utterances = np.arange(len(values)) // 2
    valid = np.arange(1, len(values) + 1)
    config = EvaluateConfig(weigh_by_duration=weigh)
    found = mean_values(values, utterances, valid, config)
    for index, row in enumerate(found):
        own = values[utterances == index]
        assert (row >= own.min(axis=0) - 1e-12).all()
        assert (row <= own.max(axis=0) + 1e-12).all()
