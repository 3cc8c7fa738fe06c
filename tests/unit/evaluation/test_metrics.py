"""UA, WA, macro-F1 and the confusion matrix on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfsn.errors import PredictionError
from mfsn.evaluation.metrics import confusion_matrix, scores


def test_every_decision_right() -> None:
    found = scores([0, 1, 2, 1], [0, 1, 2, 1], 3)
    assert (found.ua, found.wa, found.macro_f1) == (1.0, 1.0, 1.0)


def test_one_class_always_chosen_is_at_chance_in_ua_but_not_in_wa() -> None:
    found = scores([0] * 6 + [1] * 2, [0] * 8, 2)
    assert found.ua == 0.5
    assert found.wa == 0.75


def test_ua_weighs_classes_equally_whatever_their_size() -> None:
    actual, predicted = [0] * 10 + [1] * 2, [0] * 5 + [1] * 5 + [1, 1]
    found = scores(actual, predicted, 2)
    assert found.ua == pytest.approx((0.5 + 1.0) / 2)
    assert found.wa == pytest.approx(7 / 12)


def test_an_absent_class_counts_neither_for_nor_against() -> None:
    assert scores([0, 1], [0, 1], 5).ua == 1.0
    assert scores([0, 1], [0, 1], 5).macro_f1 == 1.0


def test_deciding_for_an_absent_class_is_a_mistake_of_the_present_one() -> None:
    found = scores([0, 0, 1], [0, 2, 1], 3)
    assert found.ua == pytest.approx((0.5 + 1) / 2)
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


def test_confusion_has_a_row_an_actual_class() -> None:
    matrix = confusion_matrix([0, 0, 1], [1, 1, 0], 3)
    assert matrix.tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 0]]
    assert matrix.dtype == np.int64


def test_small_index_types_do_not_overflow() -> None:
    indices = np.full(3, 99, dtype=np.int8)
    assert confusion_matrix(indices, indices, 100)[99, 99] == 3


@pytest.mark.parametrize(
    ("actual", "predicted", "words"),
    [
        ([], [], "at least one"),
        ([0, 1], [0], "same length"),
        ([[0]], [[0]], "lists"),
        ([0, 3], [0, 1], "from 0 to 2"),
        ([0, 1], [0, -1], "from -1"),
        ([0.0, 1.0], [0.0, 1.0], "whole numbers"),
    ],
)
def test_what_cannot_be_scored_is_refused(actual: object, predicted: object, words: str) -> None:
    with pytest.raises(PredictionError, match=words):
        scores(actual, predicted, 3)  # type: ignore[arg-type]


def test_names_are_scored_as_their_indices_are() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.integers(0, 3, (2, 60))
    names = np.array(["angry", "happy", "sad"])
    expected = scores(actual, predicted, 3)
    for kind in (list, np.array, pd.Series, pd.Categorical):
        found = scores(kind(names[actual]), kind(names[predicted]))
        assert (found.ua, found.wa, found.macro_f1) == (expected.ua, expected.wa, expected.macro_f1)
        np.testing.assert_array_equal(found.confusion, expected.confusion)


def test_the_order_of_names_is_that_of_the_confusion_matrix() -> None:
    found = scores(["b", "b"], ["b", "a"], ["c", "b", "a"])
    assert found.confusion.tolist() == [[0, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert scores(["b", "b"], ["b", "a"]).confusion.tolist() == [[0, 0], [1, 1]]


def test_the_number_of_classes_follows_from_the_indices_and_from_names() -> None:
    assert scores([0, 2], [0, 1]).confusion.shape == (3, 3)
    assert scores([0, 2], [0, 1], ["a", "b", "c", "d"]).confusion.shape == (4, 4)


@pytest.mark.parametrize(
    ("actual", "predicted", "classes", "words"),
    [
        (["sad", "bored"], ["sad", "sad"], ["sad"], "cannot score bored, .* none of the classes"),
        (["sad", None], ["sad", "sad"], None, "both must be names"),
        (["sad"], [0], None, "both must be names"),
        ([], [], None, "at least one"),
        ([["sad"]], [["sad"]], None, "lists"),
        ([0, -1], [0, 0], None, "from -1"),
    ],
)
def test_names_that_cannot_be_scored_are_refused(
    actual: object, predicted: object, classes: list[str] | None, words: str
) -> None:
    with pytest.raises(PredictionError, match=words):
        scores(actual, predicted, classes)  # type: ignore[arg-type]
