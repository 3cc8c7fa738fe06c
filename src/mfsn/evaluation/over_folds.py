"""Means over folds and seeds of scores that are measured on sets of predictions.

A score is measured per fold and seed, averaged over folds and then over seeds (CA-MSER: plain mean
over folds and seeds). Pooled scores are measured on all utterances of a seed as one set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mfsn.errors import PredictionError
from mfsn.evaluation.config import EvaluateConfig

DECIMALS = 6
Measure = Callable[[pd.DataFrame], dict[str, float]]
"""From a set of utterance predictions to scores by name; the names are the same for all sets."""


def summary(
    predictions: pd.DataFrame, rule: str, decision: EvaluateConfig, measure: Measure
) -> dict[str, Any]:
    """What scores.json says of any target.

    Args:
        predictions: the utterance predictions of all folds, seeds and selection rules.
        rule: the selection rule that counts.
        decision: how `predictions` were made from segments.
        measure: computes the scores that are averaged.

    Returns:
        A mapping with `selection`, `decision`, what `over_seeds` gives, `folds` (the scores of
        each), `compared` (the scores of the other rules) and `counts`.

    Raises:
        PredictionError: if no prediction was selected by `rule`.
    """
    main, others = of_rule(predictions, rule), predictions[predictions["selection"] != rule]
    return {
        "selection": rule,
        "decision": decision.model_dump(mode="json"),
        **over_seeds(main, measure),
        "folds": {str(name): mean_over_seeds(f, measure) for name, f in main.groupby("fold")},
        "compared": {n: over_seeds(o, measure) for n, o in others.groupby("selection")},
        "counts": _counts(main),
    }


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
    """The mean over folds and then over seeds, and `pooled` as the mean over seeds.

    If there are several seeds, `std` (sample standard deviation over seeds) and `seeds` (the
    scores of each) are added.

    Args:
        predictions: the predictions of one selection rule.
        measure: computes the scores that are averaged.
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


def mean_over_seeds(predictions: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    """The scores of a set as the mean over seeds, and its number of `utterances`."""
    seeds = [measure(seed) for _, seed in predictions.groupby("seed")]
    return {**_statistic(seeds, np.mean), "utterances": predictions["utterance_id"].nunique()}


def rounded(value: Any) -> Any:
    """Plain values with numbers rounded to six decimals and without empty entries."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items() if inner != {}}
    # Adding 0 turns -0.0 into 0.0, so that both give the same text.
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


def _counts(predictions: pd.DataFrame) -> dict[str, int]:
    counted = {"utterances": "utterance_id", "folds": "fold", "seeds": "seed"}
    return {name: int(predictions[column].nunique()) for name, column in counted.items()}
