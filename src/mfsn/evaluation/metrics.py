"""The usual scores: UA, WA, macro-F1 and the confusion matrix; CCC and MSE for dimensions.

They use plain numpy for speed, since training scores each level after each epoch.

Shapes: C classes, N utterances, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float64, Int64
from mfsn.errors import PredictionError

Labels = npt.NDArray[Any]
"""Labels or decisions as they are given: names of classes, or their indices."""


@dataclass(frozen=True)
class Scores:
    """Scores of a set of utterances (or segments); all except `confusion` are in [0, 1]."""

    ua: float
    """Unweighted accuracy: mean recall over the classes that are present."""
    wa: float
    """Weighted accuracy: share of correct decisions."""
    macro_f1: float
    """Mean F1 over the classes that are present."""
    confusion: Int64
    """Counts of actual class (row) and predicted class (column), (C, C)."""


def scores(
    actual: npt.ArrayLike, predicted: npt.ArrayLike, classes: int | Sequence[str] | None = None
) -> Scores:
    """Score decisions against labels.

    A class is present if it occurs in `actual`. A class that occurs only in `predicted` has no
    recall or F1 of its own; such predictions lower the recall of the classes that are present.
    scikit-learn does the same in `balanced_accuracy_score` and in `f1_score(..., labels=present,
    average="macro")`.

    Args:
        actual: the labels, (N,): names of classes (str), or class indices from 0 (int).
        predicted: the decisions, (N,), of the same kind.
        classes: the names of the classes, in the order of the confusion matrix; of indices how
            many there are. By default all classes that `actual` or `predicted` holds, names in
            alphabetical order.

    Returns:
        The scores: `ua`, `wa` and `macro_f1` (float, in [0, 1]), and `confusion` (int64, (C, C)),
        the counts of each actual class (row) by each predicted class (column).

    Raises:
        PredictionError: if there is nothing to score, the lengths differ, or a label or decision
            is not one of the classes.

    Example:
        >>> found = scores(["sad", "sad", "angry"], ["sad", "angry", "angry"])
        >>> found.ua, round(found.wa, 3)
        (0.75, 0.667)
        >>> found.confusion  # rows and columns: angry, sad
        array([[1, 0],
               [1, 1]])
    """
    rows, columns = np.asarray(actual), np.asarray(predicted)
    _check_shapes(rows, columns)
    if _are_names(rows) and _are_names(columns):
        names = classes if isinstance(classes, Sequence) else sorted({*rows, *columns})
        rows, columns = _indices(rows, names), _indices(columns, names)
        return scores_of(confusion_matrix(rows, columns, len(names)))
    _check_types(rows, columns)
    if classes is None:
        classes = int(max(rows.max(), columns.max())) + 1
    count = len(classes) if isinstance(classes, Sequence) else int(classes)
    return scores_of(confusion_matrix(rows, columns, count))


def confusion_matrix(actual: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Int64:
    """Count decisions per actual class (row) and predicted class (column), (C, C).

    Raises:
        PredictionError: in the same cases as `scores`.
    """
    rows, columns = np.asarray(actual), np.asarray(predicted)
    _check(rows, columns, classes)
    cells = rows.astype(np.int64) * classes + columns.astype(np.int64)
    return np.bincount(cells, minlength=classes**2).astype(np.int64).reshape(classes, classes)


def scores_of(confusion: Int64) -> Scores:
    """The scores of a confusion matrix (rows: actual class; at least one count above 0)."""
    hits, actual, predicted = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    present = actual > 0
    recall = hits[present] / actual[present]
    f1 = 2 * hits[present] / (actual[present] + predicted[present])
    wa = float(hits.sum() / confusion.sum())
    return Scores(float(recall.mean()), wa, float(f1.mean()), confusion)


def concordance(actual_ND: Float64, predicted_ND: Float64) -> Float64:
    """Lin's concordance correlation coefficient (CCC) of each dimension, (D,), in [-1, 1].

    It is 2 cov / (var + var + squared difference of the means), with population moments
    (Lin 1989). If the labels or the predictions are all equal, it is 0.

    Args:
        actual_ND: values of the labels, at least one row.
        predicted_ND: values in the same unit.

    Raises:
        PredictionError: if the shapes differ or there is no row.
    """
    _check_values(actual_ND, predicted_ND)
    actual_mean_D, predicted_mean_D = actual_ND.mean(axis=0), predicted_ND.mean(axis=0)
    covariance_D = ((actual_ND - actual_mean_D) * (predicted_ND - predicted_mean_D)).mean(axis=0)
    spread_D = actual_ND.var(axis=0) + predicted_ND.var(axis=0)
    distance_D = spread_D + (actual_mean_D - predicted_mean_D) ** 2
    # The range is tested, since rounding can make the variance of equal numbers larger than 0.
    vary_D = (np.ptp(actual_ND, axis=0) > 0) & (np.ptp(predicted_ND, axis=0) > 0)
    ccc_D: Float64 = np.divide(
        2 * covariance_D, distance_D, out=np.zeros_like(distance_D), where=vary_D
    )
    return ccc_D


def mean_squared_error(actual_ND: Float64, predicted_ND: Float64) -> Float64:
    """Mean squared error (MSE) of each dimension, (D,), in the squared unit of the labels.

    Raises:
        PredictionError: in the same cases as `concordance`.
    """
    _check_values(actual_ND, predicted_ND)
    mse_D: Float64 = ((actual_ND - predicted_ND) ** 2).mean(axis=0)
    return mse_D


def _check_values(actual_ND: Float64, predicted_ND: Float64) -> None:
    if actual_ND.ndim != 2 or actual_ND.shape != predicted_ND.shape or not actual_ND.size:
        raise PredictionError(
            f"cannot score values of shape {predicted_ND.shape} against labels of shape "
            f"{actual_ND.shape}; both need one row per utterance, at least one row, and one column "
            "per dimension"
        )


def rates(confusion: Float64) -> dict[str, Float64]:
    """`ua`, `wa` and `macro_f1` of many confusion matrices at once, as in `scores_of`.

    Args:
        confusion: counts, actual by predicted class, (..., C, C); no matrix is all zero.

    Returns:
        Scores by name, (...).
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    actual, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    present = actual > 0
    recall = np.divide(hits, actual, out=np.zeros_like(hits), where=present)
    f1 = np.divide(2 * hits, actual + predicted, out=np.zeros_like(hits), where=present)
    classes = present.sum(axis=-1)
    return {
        "ua": recall.sum(axis=-1) / classes,
        "wa": hits.sum(axis=-1) / actual.sum(axis=-1),
        "macro_f1": f1.sum(axis=-1) / classes,
    }


def _check(rows: Labels, columns: Labels, classes: int) -> None:
    _check_shapes(rows, columns)
    _check_types(rows, columns)
    indices = np.concatenate([rows, columns])
    if indices.min() < 0 or indices.max() >= classes:
        raise PredictionError(
            f"cannot score class indices from {indices.min()} to {indices.max()}; they must be "
            f"whole numbers from 0 to {classes - 1}"
        )


def _check_shapes(rows: Labels, columns: Labels) -> None:
    if rows.ndim != 1 or rows.shape != columns.shape or not rows.size:
        raise PredictionError(
            f"cannot score decisions of shape {columns.shape} against labels of shape "
            f"{rows.shape}; both must be lists of the same length with at least one entry"
        )


def _check_types(rows: Labels, columns: Labels) -> None:
    if rows.dtype.kind not in "iu" or columns.dtype.kind not in "iu":
        raise PredictionError(
            f"cannot score decisions of type {columns.dtype} against labels of type {rows.dtype}; "
            "both must be names of classes, or both whole numbers"
        )


def _are_names(labels: Labels) -> bool:
    return all(isinstance(label, str) for label in labels)


def _indices(labels: Labels, classes: Sequence[str]) -> Int64:
    index = {name: place for place, name in enumerate(classes)}
    others = sorted({*labels} - index.keys())
    if others:
        raise PredictionError(
            f"cannot score {', '.join(others)}, which is none of the classes "
            f"{', '.join(classes)}; correct the labels, or name all classes"
        )
    return np.array([index[name] for name in labels], np.int64)
