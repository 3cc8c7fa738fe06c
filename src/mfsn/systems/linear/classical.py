"""Fit the classical baseline: a linear model on functionals of whole utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy.typing as npt

from mfsn.systems.linear.fits import LinearFits, Vectors, labels_for
from mfsn.systems.linear.model import LinearModel, fit_linear, fit_ridge, fit_ridge_classes
from mfsn.training.experiment import Experiment

LEVEL = "functionals"
"""The only level of functionals."""


@dataclass(frozen=True)
class ClassicalFits(LinearFits):
    """Support vector machines or ridge regression on functionals."""

    names_level: ClassVar[bool] = False
    solver: ClassVar[str] = "liblinear"

    @staticmethod
    def about(experiment: Experiment) -> dict[str, Any]:
        """Which model is fitted."""
        ridge = experiment.labels.rated or experiment.classical.classifier == "ridge"
        fitted = "ridge regression" if ridge else "a linear SVM"
        return {"fitted": fitted, "description": f"functionals with {fitted}"}

    def load(self) -> Vectors:
        """Read the functionals of all utterances.

        Raises:
            CacheError: if a row is missing or damaged.
        """
        experiment = self.experiment
        ids = experiment.manifest["utterance_id"].tolist()
        rows, *copies = experiment.reader("functionals").read(ids).values()
        return Vectors(
            levels={LEVEL: rows},
            position={name: index for index, name in enumerate(ids)},
            labels=labels_for(experiment),
            copies=copies,
            blocks=experiment.digests["functionals"].about.get("blocks", ()),
        )

    def model(
        self, rows_NP: npt.NDArray[Any], labels_N: npt.NDArray[Any], c: float, blocks: Sequence[int]
    ) -> tuple[LinearModel, bool]:
        """Fit the model that `classical.classifier` names; for dimensions, ridge regression."""
        config, balanced = self.experiment.classical, self.experiment.optimisation.class_weights
        used = blocks if config.scaling == "blocks" else ()
        if self.experiment.labels.rated:
            return fit_ridge(rows_NP, labels_N, c=c, blocks=used), True
        if config.classifier == "ridge":
            fitted = fit_ridge_classes(rows_NP, labels_N, c=c, balanced=balanced, blocks=used)
            return fitted, True
        return fit_linear(rows_NP, labels_N, c=c, balanced=balanced, max_iter=config.max_iter)
