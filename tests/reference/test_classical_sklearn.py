"""The classical baseline against scikit-learn's own pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from mfsn.systems.linear.model import LinearModel, fit_linear


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("c", [0.001, 1.0])
def test_it_decides_as_the_pipeline_does(
    tmp_path: Path, classes: int, c: float, balanced: bool
) -> None:
    random = np.random.default_rng(classes)
    labels = np.sort(random.permutation(np.arange(90) % (classes + 1)) % classes)
    rows = (random.normal(size=(90, 12)) + labels[:, None] * 0.4).astype(np.float32) * 30 - 7
    new = random.normal(size=(40, 12)).astype(np.float32) * 30
    model, converged = fit_linear(rows, labels, c=c, balanced=balanced, max_iter=100_000)
    weights = "balanced" if balanced else None
    machine = LinearSVC(C=c, class_weight=weights, max_iter=100_000, random_state=0)
    pipeline = make_pipeline(StandardScaler(), machine).fit(rows.astype(np.float64), labels)
    assert converged
    (tmp_path / "model.safetensors").write_bytes(model.serialise())
    found = LinearModel.load(tmp_path / "model.safetensors").log_posteriors(new)
    np.testing.assert_array_equal(found.argmax(axis=1), pipeline.predict(new.astype(np.float64)))
    decision = pipeline.decision_function(new.astype(np.float64))
    if classes == 2:
        decision = np.stack([-decision, decision], axis=1)
    np.testing.assert_allclose(found, log_softmax(decision, axis=1), atol=1e-9)


def test_a_constant_functional_does_not_matter() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(40, 3))
    labels = (rows[:, 0] > 0).astype(np.int64)
    with_constant = np.column_stack([rows, np.full(40, 5.0)])
    plain, _ = fit_linear(rows, labels, c=0.1, balanced=False, max_iter=100_000)
    model, _ = fit_linear(with_constant, labels, c=0.1, balanced=False, max_iter=100_000)
    np.testing.assert_allclose(
        model.log_posteriors(with_constant), plain.log_posteriors(rows), atol=1e-3
    )
