"""Linear probes against scikit-learn's own pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mfsn.systems.linear.model import LinearModel
from mfsn.systems.linear.probe_model import fit_logistic


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_its_posteriors_are_those_of_the_pipeline(
    tmp_path: Path, classes: int, balanced: bool
) -> None:
    random = np.random.default_rng(classes)
    labels = np.sort(random.permutation(np.arange(90) % (classes + 1)) % classes)
    rows = (random.normal(size=(90, 12)) + labels[:, None] * 0.4).astype(np.float32) * 30 - 7
    new = random.normal(size=(40, 12)).astype(np.float32) * 30
    model, converged = fit_logistic(rows, labels, c=0.1, balanced=balanced, max_iter=1_000)
    machine = LogisticRegression(
        C=0.1, class_weight="balanced" if balanced else None, max_iter=1_000
    )
    pipeline = make_pipeline(StandardScaler(), machine).fit(rows.astype(np.float64), labels)
    assert converged
    (tmp_path / "model.safetensors").write_bytes(model.serialise())
    found = LinearModel.load(tmp_path / "model.safetensors").log_posteriors(new)
    expected = pipeline.predict_log_proba(new.astype(np.float64))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_fit_that_needs_more_iterations_says_so() -> None:
    random = np.random.default_rng(0)
    rows, labels = random.normal(size=(60, 8)), np.arange(60) % 3
    _, converged = fit_logistic(rows, labels, c=10.0, balanced=False, max_iter=1)
    assert not converged
