"""Speech emotion recognition from cached features.

The public names, imported when they are first used, so that `import mfsn` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfsn.datasets.cached import open_features as open_features
    from mfsn.datasets.computed import extract as extract
    from mfsn.datasets.tables import load_manifest as load_manifest
    from mfsn.datasets.tables import load_predictions as load_predictions
    from mfsn.datasets.torch import FeatureDataset as FeatureDataset
    from mfsn.evaluation.metrics import scores as scores
    from mfsn.params import Params as Params
    from mfsn.params import load_params as load_params
    from mfsn.prediction.predict import Predictor as Predictor
    from mfsn.prediction.predict import predict as predict
    from mfsn.protocols.make import make_folds as make_folds
    from mfsn.store.reader import FeatureReader as FeatureReader

__version__ = "0.1.0"

_HOMES = {
    "FeatureDataset": "mfsn.datasets.torch",
    "FeatureReader": "mfsn.store.reader",
    "Params": "mfsn.params",
    "Predictor": "mfsn.prediction.predict",
    "extract": "mfsn.datasets.computed",
    "load_manifest": "mfsn.datasets.tables",
    "load_params": "mfsn.params",
    "load_predictions": "mfsn.datasets.tables",
    "make_folds": "mfsn.protocols.make",
    "open_features": "mfsn.datasets.cached",
    "predict": "mfsn.prediction.predict",
    "scores": "mfsn.evaluation.metrics",
}

__all__ = [
    "FeatureDataset",
    "FeatureReader",
    "Params",
    "Predictor",
    "extract",
    "load_manifest",
    "load_params",
    "load_predictions",
    "make_folds",
    "open_features",
    "predict",
    "scores",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module mfsn has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
