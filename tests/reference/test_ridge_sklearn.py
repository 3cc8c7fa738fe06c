"""Ridge regression to classes against scikit-learn's RidgeClassifier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mfsn.systems.linear.model import LinearModel, fit_ridge_classes


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("classes", [3, 5])
@pytest.mark.parametrize("c", [0.001, 1.0])
@pytest.mark.parametrize("width", [8, 200])
def test_it_decides_as_the_pipeline_does(
    tmp_path: Path, classes: int, c: float, balanced: bool, width: int
) -> None:
    random = np.random.default_rng(classes)
    labels = np.minimum(np.sort(np.arange(90) % (classes + 2)), classes - 1)
    rows = (random.normal(size=(90, width)) + labels[:, None] * 0.2).astype(np.float32) * 30 - 7
    new = random.normal(size=(40, width)).astype(np.float32) * 30
    weights = "balanced" if balanced else None
    machine = RidgeClassifier(alpha=1 / (2 * c), class_weight=weights)
    pipeline = make_pipeline(StandardScaler(), machine).fit(rows.astype(np.float64), labels)
    model = fit_ridge_classes(rows, labels, c=c, balanced=balanced)
    (tmp_path / "model.safetensors").write_bytes(model.serialise())
    loaded = LinearModel.load(tmp_path / "model.safetensors")
    # RidgeClassifier's targets are -1 and 1, ours 0 and 1.
    decision = pipeline.decision_function(new.astype(np.float64))
    np.testing.assert_allclose(2 * loaded.values(new) - 1, decision, atol=1e-8)


def test_blocks_count_alike() -> None:
    """By hand: every standardised block is divided by the root of its size times their number."""
    random = np.random.default_rng(0)
    blocks = [2, 40, 7]
    labels = np.arange(60) % 3
    rows = random.normal(size=(60, sum(blocks))) * 5 + labels[:, None]
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    share = np.concatenate([np.full(size, 1 / np.sqrt(size * 3)) for size in blocks])
    scaled = standard * share
    assert np.square(scaled).sum(axis=1).mean() == pytest.approx(1)
    machine = RidgeClassifier(alpha=0.5).fit(scaled, labels)
    model = fit_ridge_classes(rows, labels, c=1.0, balanced=False, blocks=blocks)
    expected = machine.decision_function(scaled)
    np.testing.assert_allclose(2 * model.values(rows) - 1, expected, atol=1e-9)
