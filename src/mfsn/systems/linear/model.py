"""The classical baseline: functionals of an utterance and a linear model, which is a support vector
machine or ridge regression (always the latter for dimensions).

Features are standardised and the model is fitted on training utterances only. It is kept as plain
arrays, and computes as scikit-learn's pipeline does.

Shapes: N utterances, P functionals, C classes (or dimensions).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mfsn.base.arrays import Float64, Int64
from mfsn.errors import TrainingError

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC


@dataclass(frozen=True)
class LinearModel:
    """Standardisation, and one hyperplane per class or dimension."""

    mean_P: Float64
    scale_P: Float64
    coef_CP: Float64
    intercept_C: Float64

    def values(self, functionals_NP: npt.NDArray[Any]) -> Float64:
        """Values of dimensions in the unit of their labels, or decision values, [N, C]."""
        standard_NP = (functionals_NP.astype(np.float64) - self.mean_P) / self.scale_P
        value_NC: Float64 = standard_NP @ self.coef_CP.T + self.intercept_C
        return value_NC

    def log_posteriors(self, functionals_NP: npt.NDArray[Any]) -> Float64:
        """Log-softmax of the decision values, [N, C].

        A support vector machine has no posteriors. These have the same order of classes as its
        decision values, but they are not calibrated.
        """
        decision_NC = self.values(functionals_NP)
        shifted_NC = decision_NC - decision_NC.max(axis=1, keepdims=True)
        posterior: Float64 = shifted_NC - np.log(np.exp(shifted_NC).sum(axis=1, keepdims=True))
        return posterior

    def read(self, functionals_NP: npt.NDArray[Any], dimensions: Sequence[str]) -> Float64:
        """What it predicts, [N, C]: values of dimensions, or log-posteriors if there are none."""
        of_rows = self.values if dimensions else self.log_posteriors
        return of_rows(functionals_NP)

    def serialise(self) -> bytes:
        """As safetensors."""
        return save({name: np.ascontiguousarray(v) for name, v in asdict(self).items()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file with the result of `serialise`.

        Raises:
            TrainingError: if the file is missing, damaged, or holds something else.
        """
        try:
            return cls(**load(path.read_bytes()))
        except (OSError, SafetensorError, TypeError) as error:
            raise TrainingError(
                f"{path} holds no linear model; run `dvc repro` to make it again"
            ) from error


def fit_linear(
    functionals_NP: npt.NDArray[Any], labels_N: Int64, *, c: float, balanced: bool, max_iter: int
) -> tuple[LinearModel, bool]:
    """Fit the baseline (scikit-learn: StandardScaler, then LinearSVC, one class against the rest).

    Args:
        functionals_NP: training utterances, finite.
        labels_N: class indices; every class from 0 to C - 1 occurs.
        c: inverse strength of the regularisation.
        balanced: weigh classes by their inverse frequency.
        max_iter: of liblinear.

    Returns:
        The model, and whether liblinear converged.
    """
    from sklearn.svm import LinearSVC

    weights = "balanced" if balanced else None
    machine = LinearSVC(C=c, class_weight=weights, max_iter=max_iter, random_state=0)
    return fit_classifier(machine, functionals_NP, labels_N, share=1)


def fit_classifier(
    machine: LinearSVC | LogisticRegression,
    rows_NP: npt.NDArray[Any],
    labels_N: Int64,
    *,
    share: float,
) -> tuple[LinearModel, bool]:
    """Standardise rows and fit a classifier of scikit-learn.

    Args:
        machine: not fitted yet.
        rows_NP: training utterances, finite.
        labels_N: class indices; every class from 0 to C - 1 occurs.
        share: two classes share one hyperplane; each gets this part of it, with opposite signs.

    Returns:
        The model, and whether the solver converged.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        machine.fit(scaler.fit_transform(rows_NP.astype(np.float64)), labels_N)
    coef_CP, intercept_C = machine.coef_, machine.intercept_
    if len(intercept_C) == 1:
        signs = np.array([-share, share])
        coef_CP, intercept_C = coef_CP * signs[:, None], intercept_C * signs
    model = LinearModel(scaler.mean_, scaler.scale_, coef_CP, intercept_C)
    return model, not any(issubclass(w.category, ConvergenceWarning) for w in caught)


def fit_ridge(
    functionals_NP: npt.NDArray[Any],
    values_ND: Float64,
    *,
    c: float,
    blocks: Sequence[int] = (),
    weight_N: Float64 | None = None,
) -> LinearModel:
    """Fit ridge regression to dimensions (scikit-learn: StandardScaler, then Ridge).

    A linear model whose loss is the squared error, like that of the networks; solved exactly.

    Args:
        functionals_NP: training utterances, finite.
        values_ND: their labels. They are standardised for the fit, so that C means the same for
            all.
        c: inverse strength of the regularisation, as for a support vector machine: alpha is 1 / 2c.
        blocks: sizes of the blocks of functionals, in their order. All blocks get equal weight, so
            that rows have a mean squared length of 1. Without them, all functionals have equal
            weight.
        weight_N: how much each utterance counts in the loss; without it, all count equally.
    """
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    inputs, targets = StandardScaler(), StandardScaler()
    machine = Ridge(alpha=1 / (2 * c))
    rows_NP = inputs.fit_transform(functionals_NP.astype(np.float64))
    scale_P = np.repeat([np.sqrt(size * len(blocks)) for size in blocks] or [1.0], blocks or [1])
    rows_NP /= scale_P
    machine.fit(rows_NP, targets.fit_transform(values_ND), sample_weight=weight_N)
    scale_D = targets.scale_
    coef_DP = machine.coef_.reshape(len(scale_D), -1) * scale_D[:, None]
    intercept_D = machine.intercept_ * scale_D + targets.mean_
    return LinearModel(inputs.mean_, inputs.scale_ * scale_P, coef_DP, intercept_D)


def fit_ridge_classes(
    functionals_NP: npt.NDArray[Any],
    labels_N: Int64,
    *,
    c: float,
    balanced: bool,
    blocks: Sequence[int] = (),
) -> LinearModel:
    """Fit ridge regression to classes: 1 for the own class, 0 for the others.

    Args:
        functionals_NP: training utterances, finite.
        labels_N: class indices; every class from 0 to C - 1 occurs.
        c: as for `fit_ridge`.
        balanced: weigh classes by their inverse frequency.
        blocks: as for `fit_ridge`.
    """
    member_NC = np.eye(labels_N.max() + 1)[labels_N]
    weight_N = (1 / member_NC.mean(axis=0))[labels_N] / member_NC.shape[1] if balanced else None
    return fit_ridge(functionals_NP, member_NC, c=c, blocks=blocks, weight_N=weight_N)
