"""Scores against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from mfsn.evaluation.metrics import scores

pytestmark = pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("absent", [False, True])
def test_scores_are_those_of_scikit_learn(seed: int, absent: bool) -> None:
    random = np.random.default_rng(seed)
    classes = 5
    actual = random.integers(0, classes - absent, 40)
    predicted = np.where(random.random(40) < 0.6, actual, random.integers(0, classes, 40))
    found = scores(actual, predicted, classes)
    present = np.unique(actual)
    assert found.ua == pytest.approx(balanced_accuracy_score(actual, predicted))
    assert found.wa == pytest.approx(accuracy_score(actual, predicted))
    f1 = f1_score(actual, predicted, labels=present, average="macro")
    assert found.macro_f1 == pytest.approx(f1)
    expected = confusion_matrix(actual, predicted, labels=range(classes))
    np.testing.assert_array_equal(found.confusion, expected)
