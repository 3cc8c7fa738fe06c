"""Means over folds and seeds of whatever is measured on a set of predictions.

A measure is taken per fold and seed, averaged over folds, then over seeds (CA-MSER: plain mean over
folds and seeds). Pooled, all utterances of a seed are one set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mfsn.errors import PredictionError

DECIMALS = 6
Measure = Callable[[pd.DataFrame], dict[str, float]]
"""Name to score of a set of utterance predictions; the same names whatever the set."""


def of_rule(predictions: pd.DataFrame, rule: str) -> pd.DataFrame:
    """The predictions of the selection rule that counts.

    Raises:
        PredictionError: if there are none.
    """
    main: pd.DataFrame = predictions[predictions["selection"] == rule]
    if main.empty:
        raise PredictionError(
            f"there are no predictions selected by {rule} (found: "
            f"{', '.join(sorted(set(predictions['selection'])))}); run `dvc repro train`"
        )
    return main


def over_seeds(predictions: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    """Mean over folds, then seeds; `pooled`, mean over seeds; and of several seeds `std` (sample
    standard deviation over seeds) and `seeds` (each by itself).

    Args:
        predictions: of one selection rule.
        measure: what is averaged.
    """
    seeds = {str(seed): _of_seed(s, measure) for seed, s in predictions.groupby("seed")}
    means = {
        **_statistic([_without_pooled(seed) for seed in seeds.values()], np.mean),
        "pooled": _statistic([seed["pooled"] for seed in seeds.values()], np.mean),
    }
    if len(seeds) == 1:
        return means
    spread = _statistic([_without_pooled(seed) for seed in seeds.values()], _sample_std)
    return {**means, "std": spread, "seeds": seeds}


def per_fold(predictions: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    """Each fold by itself: `mean_over_seeds`."""
    return {str(fold): mean_over_seeds(f, measure) for fold, f in predictions.groupby("fold")}


def mean_over_seeds(predictions: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    """The mean over seeds of a set, and its number of `utterances`."""
    seeds = [measure(seed) for _, seed in predictions.groupby("seed")]
    return {**_statistic(seeds, np.mean), "utterances": predictions["utterance_id"].nunique()}


def counts(predictions: pd.DataFrame) -> dict[str, int]:
    """How many utterances, folds and seeds there are."""
    counted = {"utterances": "utterance_id", "folds": "fold", "seeds": "seed"}
    return {name: int(predictions[column].nunique()) for name, column in counted.items()}


def rounded(value: Any) -> Any:
    """Plain values with numbers rounded to six decimals, without entries that are empty."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items() if inner != {}}
    # Adding 0 makes -0.0 the same text as 0.0.
    return round(value, DECIMALS) + 0.0 if isinstance(value, float) else value


def _of_seed(predictions: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    folds = [measure(fold) for _, fold in predictions.groupby("fold")]
    return {**_statistic(folds, np.mean), "pooled": measure(predictions)}


def _without_pooled(seed: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in seed.items() if name != "pooled"}


def _statistic(
    items: Iterable[Mapping[str, float]], function: Callable[[list[float]], Any]
) -> dict[str, float]:
    listed = list(items)
    return {name: float(function([item[name] for item in listed])) for name in listed[0]}


def _sample_std(values: list[float]) -> Any:
    return np.std(values, ddof=1)
