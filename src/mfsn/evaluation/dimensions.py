"""The stage `evaluate` for experiments that predict dimensions: the scores of a table of values.

Means are those of `mfsn.evaluation.over_folds`. The error of always predicting the mean of the
training utterances is given for comparison: a system that is not better has learnt nothing.

Shapes: U utterances, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mfsn.base.arrays import Float64
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.intervals import intervals
from mfsn.evaluation.metrics import concordance, mean_squared_error
from mfsn.evaluation.over_folds import of_rule, over_seeds, rounded, summary
from mfsn.manifest import LABEL, MEAN, PREDICTED, value_columns


def summarise_dimensions(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    dimensions: Sequence[str],
    rule: str,
    decision: EvaluateConfig,
) -> dict[str, Any]:
    """Everything that scores.json contains, rounded to six decimals.

    For arguments and errors see `mfsn.evaluation.classes.summarise`; `dimensions` are names.

    Returns:
        What `mfsn.evaluation.over_folds.summary` gives for `ccc` and `mse` (means over dimensions),
        `ccc_<dimension>` and `mse_<dimension>`; `intervals`; the names of the `dimensions`; and
        `predict_the_mean`: the same scores if the training mean of each fold is predicted. (Its
        CCC is 0 in every fold; the pooled CCC need not be 0.)
    """
    main, measure = of_rule(predictions, rule), partial(_measured, dimensions=dimensions)
    found: dict[str, Any] = rounded(
        {
            **summary(predictions, rule, decision, measure),
            "dimensions": list(dimensions),
            "predict_the_mean": over_seeds(main, partial(measure, kind=MEAN)),
            "intervals": _intervals(main, manifest, dimensions, decision),
        }
    )
    return found


def headline(scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores for metrics.json: means, each dimension, and the MSE of predicting the mean."""
    names = [name for name in scores if name.startswith(("ccc", "mse"))]
    spread = {"ccc_std": scores["std"]["ccc"]} if "std" in scores else {}
    without = {"mse_of_the_mean": scores["predict_the_mean"]["mse"]}
    return {**{name: scores[name] for name in names}, **spread, **without}


def scatter_table(predictions: pd.DataFrame, dimensions: Sequence[str], rule: str) -> pd.DataFrame:
    """One row per prediction and dimension with `actual` and `predicted`, which DVC plots."""
    main = predictions[predictions["selection"] == rule]
    keys = main[["fold", "seed", "utterance_id"]]
    tables = [
        keys.assign(dimension=name, actual=main[LABEL + name], predicted=main[PREDICTED + name])
        for name in dimensions
    ]
    columns = ["actual", "predicted", "dimension", "fold", "seed", "utterance_id"]
    return pd.concat(tables, ignore_index=True)[columns]


def _measured(
    predictions: pd.DataFrame, dimensions: Sequence[str], kind: str = PREDICTED
) -> dict[str, float]:
    both_UD = [predictions[value_columns(k, dimensions)].to_numpy() for k in (LABEL, kind)]
    scores = _named(concordance(*both_UD), mean_squared_error(*both_UD), dimensions)
    return {name: float(score) for name, score in scores.items()}


def _intervals(
    main: pd.DataFrame, manifest: pd.DataFrame, dimensions: Sequence[str], decision: EvaluateConfig
) -> dict[str, Any]:
    labels, predicted = (value_columns(kind, dimensions) for kind in (LABEL, PREDICTED))
    centre_D = main[labels].to_numpy().mean(axis=0)  # small squares round less; same scores

    def sums(predictions: pd.DataFrame) -> Float64:
        """What `_agreement` needs of these predictions: it can be added up."""
        x_UD, y_UD = (predictions[names].to_numpy() - centre_D for names in (labels, predicted))
        terms = (np.ones_like(x_UD), x_UD, y_UD, x_UD**2, y_UD**2, x_UD * y_UD)
        return np.stack([term.sum(axis=0) for term in terms])

    def scores(sums_6D: Float64) -> dict[str, Float64]:
        """The scores by name that follow from sums, (..., 6, D)."""
        return _named(*_agreement(np.moveaxis(sums_6D, -2, 0)), dimensions)

    return intervals(main, manifest, sums, scores, decision)


def _agreement(sums_6D: Float64) -> tuple[Float64, Float64]:
    """CCC and MSE, (..., D), from the count and the sums of x, y, x^2, y^2 and xy, (6, ..., D)."""
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = sums_6D[1:] / sums_6D[0]
    covariance = mean_xy - mean_x * mean_y
    spread = mean_xx - mean_x**2 + mean_yy - mean_y**2 + (mean_x - mean_y) ** 2
    ccc = np.divide(2 * covariance, spread, out=np.zeros_like(spread), where=spread > 0)
    return ccc, mean_xx + mean_yy - 2 * mean_xy


def _named(ccc_D: Float64, mse_D: Float64, dimensions: Sequence[str]) -> dict[str, Any]:
    """The scores (..., D) by name; the means over dimensions come first."""
    scores = (("ccc", ccc_D), ("mse", mse_D))
    means = {name: score_D.mean(axis=-1) for name, score_D in scores}
    own = {f"{n}_{d}": score_D[..., i] for n, score_D in scores for i, d in enumerate(dimensions)}
    return means | own
