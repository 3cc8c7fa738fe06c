"""The scores of the field: UA, WA, macro-F1 and the confusion matrix.

Plain numpy, since training scores every level on the development data after each epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfsn.errors import PredictionError

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Scores of a set of utterances (or segments); all but `confusion` lie in [0, 1]."""

    ua: float
    """Unweighted accuracy: mean recall over the classes present."""
    wa: float
    """Weighted accuracy: share of correct decisions."""
    macro_f1: float
    """Mean F1 over the classes present."""
    confusion: Int64
    """Counts, actual class by predicted class, (C, C)."""


def scores(actual: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Scores:
    """Score decisions against labels.

    A class is present when `actual` holds it. Classes that only `predicted` holds cost recall
    and precision of the present ones but have no recall or F1 of their own, as in scikit-learn's
    `balanced_accuracy_score` and in `f1_score(..., labels=present, average="macro")`.

    Args:
        actual: class indices, (N,), in [0, classes).
        predicted: class indices, (N,), in [0, classes).
        classes: number of classes C.

    Returns:
        The scores.

    Raises:
        PredictionError: if there is nothing to score, the lengths differ, or an index is not one
            of the classes.
    """
    return scores_of(confusion_matrix(actual, predicted, classes))


def confusion_matrix(actual: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Int64:
    """Count decisions: actual class by predicted class, (C, C).

    Raises:
        PredictionError: as `scores`.
    """
    rows, columns = np.asarray(actual), np.asarray(predicted)
    _check(rows, columns, classes)
    cells = rows.astype(np.int64) * classes + columns.astype(np.int64)
    return np.bincount(cells, minlength=classes**2).astype(np.int64).reshape(classes, classes)


def scores_of(confusion: Int64) -> Scores:
    """The scores that a confusion matrix (actual by predicted, not all zero) implies."""
    hits, actual, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    present = actual > 0
    recall = hits[present] / actual[present]
    f1 = 2 * hits[present] / (actual[present] + predicted[present])
    wa = float(hits.sum() / confusion.sum())
    return Scores(float(recall.mean()), wa, float(f1.mean()), confusion)


def _check(
    actual: npt.NDArray[np.generic], predicted: npt.NDArray[np.generic], classes: int
) -> None:
    if actual.ndim != 1 or actual.shape != predicted.shape or not actual.size:
        raise PredictionError(
            f"cannot score {predicted.shape} decisions against {actual.shape} labels; both must "
            "be lists of the same length, with at least one entry"
        )
    indices = np.concatenate([actual, predicted])
    if indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= classes:
        raise PredictionError(
            f"cannot score class indices from {indices.min()} to {indices.max()} of type "
            f"{indices.dtype}; they must be whole numbers from 0 to {classes - 1}"
        )
