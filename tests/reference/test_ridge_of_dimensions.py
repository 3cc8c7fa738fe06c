"""Ridge regression of dimensions against scikit-learn's own pipeline, targets standardised too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mfsn.systems.linear.model import LinearModel, fit_ridge


@pytest.mark.parametrize("dimensions", [1, 3])
@pytest.mark.parametrize("c", [1e-4, 0.1])
def test_a_kept_model_predicts_as_the_pipeline_does(
    dimensions: int, c: float, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(5, 3, size=(40, 60)).astype(np.float32)
    values = 3 + rows[:, :dimensions] * [1, 0.1, 10][:dimensions] + random.normal(size=(40, 1))
    (tmp_path / "model.safetensors").write_bytes(fit_ridge(rows, values, c=c).serialise())
    new = random.normal(5, 3, size=(7, 60)).astype(np.float32)
    found = LinearModel.load(tmp_path / "model.safetensors").values(new)
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=1 / (2 * c)))
    reference = TransformedTargetRegressor(pipeline, transformer=StandardScaler())
    reference.fit(rows.astype(np.float64), values)
    np.testing.assert_allclose(
        found, reference.predict(new.astype(np.float64)).reshape(7, -1), rtol=1e-8
    )
