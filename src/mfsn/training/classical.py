"""The classical baseline: functionals of an utterance and a linear support vector machine.

Features are standardised and the machine is fitted on training utterances only. It is kept as plain
arrays, and computes as scikit-learn's pipeline does.

Shapes: N utterances, P functionals, C classes.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mfsn.errors import TrainingError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LinearModel:
    """Standardisation and one hyperplane a class."""

    mean_P: Float64
    scale_P: Float64
    coef_CP: Float64
    intercept_C: Float64

    def log_posteriors(self, functionals_NP: npt.NDArray[Any]) -> Float64:
        """Log-softmax of the decision values, [N, C].

        A support vector machine has no posteriors: these rank the classes as it does, but are not
        calibrated.
        """
        standard_NP = (functionals_NP.astype(np.float64) - self.mean_P) / self.scale_P
        decision_NC = standard_NP @ self.coef_CP.T + self.intercept_C
        shifted_NC = decision_NC - decision_NC.max(axis=1, keepdims=True)
        posterior: Float64 = shifted_NC - np.log(np.exp(shifted_NC).sum(axis=1, keepdims=True))
        return posterior

    def serialise(self) -> bytes:
        """As safetensors."""
        return save({name: np.ascontiguousarray(v) for name, v in asdict(self).items()})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file with what `serialise` gave.

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
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    scaler = StandardScaler()
    machine = LinearSVC(
        C=c, class_weight="balanced" if balanced else None, max_iter=max_iter, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        machine.fit(scaler.fit_transform(functionals_NP.astype(np.float64)), labels_N)
    coef_CP, intercept_C = machine.coef_, machine.intercept_
    if len(intercept_C) == 1:  # two classes share a hyperplane, seen from either side
        coef_CP, intercept_C = np.vstack([-coef_CP, coef_CP]), np.tile(intercept_C, 2) * [-1, 1]
    model = LinearModel(scaler.mean_, scaler.scale_, coef_CP, intercept_C)
    return model, not any(issubclass(w.category, ConvergenceWarning) for w in caught)
