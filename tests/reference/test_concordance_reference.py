"""CCC and MSE against loops written from the definition, and scores of many matrices at once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error as sklearn_mse

from mfsn.errors import PredictionError
from mfsn.evaluation.metrics import concordance, mean_squared_error, rates, scores_of


def ccc_by_hand(actual: list[float], predicted: list[float]) -> float:
    """Lin (1989), with moments divided by n."""
    n = len(actual)
    mean_x, mean_y = sum(actual) / n, sum(predicted) / n
    var_x = sum((x - mean_x) ** 2 for x in actual) / n
    var_y = sum((y - mean_y) ** 2 for y in predicted) / n
    pairs = zip(actual, predicted, strict=True)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in pairs) / n
    return 2 * covariance / (var_x + var_y + (mean_x - mean_y) ** 2)


@pytest.mark.parametrize("seed", range(5))
def test_ccc_and_mse_are_those_of_the_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    actual = random.normal(3, 1, size=(17, 3))
    predicted = 0.6 * actual + random.normal(0.5, 0.3 * (1 + seed), size=(17, 3))
    expected = [ccc_by_hand(actual[:, d].tolist(), predicted[:, d].tolist()) for d in range(3)]
    np.testing.assert_allclose(concordance(actual, predicted), expected, rtol=1e-12)
    mse = sklearn_mse(actual, predicted, multioutput="raw_values")
    np.testing.assert_allclose(mean_squared_error(actual, predicted), mse, rtol=1e-12)


def test_what_never_varies_agrees_with_nothing() -> None:
    column = np.array([[1.0], [2.0], [4.0]])
    constant = np.full((3, 1), 0.1 + 0.2)  # the mean of three of them is not the same number
    assert concordance(column, constant) == 0
    assert concordance(constant, column) == 0
    assert concordance(constant, constant) == 0


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(
        PredictionError,
        match=r"cannot score values of shape \(2, 1\) against labels of shape \(3, 1\)",
    ):
        concordance(np.zeros((3, 1)), np.zeros((2, 1)))
    with pytest.raises(PredictionError, match="at least one"):
        mean_squared_error(np.zeros((0, 2)), np.zeros((0, 2)))


def test_many_confusion_matrices_are_scored_as_each_by_itself() -> None:
    matrices = np.random.default_rng(0).integers(0, 4, size=(40, 3, 3))
    matrices[:10, 1] = 0  # a class that is absent
    matrices[:, 0, 0] += 1
    found = rates(matrices.astype(np.float64))
    for name, values in found.items():
        expected = [getattr(scores_of(matrix), name) for matrix in matrices]
        np.testing.assert_allclose(values, expected, rtol=1e-12)
