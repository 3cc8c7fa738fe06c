"""The stage `evaluate`: the scores of a table of decisions between classes.

Means are those of `mfsn.evaluation.over_folds`. Pooled scores are given beside them, since the UA
of a fold that lacks a class is a mean over fewer classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from mfsn.base.arrays import Int64
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.intervals import intervals
from mfsn.evaluation.metrics import confusion_matrix, rates, scores_of
from mfsn.evaluation.over_folds import (
    Measure,
    mean_over_seeds,
    of_rule,
    rounded,
    summary,
)

NAMES = ("ua", "wa", "macro_f1")


def summarise(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: Sequence[str],
    rule: str,
    decision: EvaluateConfig,
) -> dict[str, Any]:
    """Everything that scores.json contains, rounded to six decimals.

    Args:
        predictions: the utterance predictions of all folds, seeds and selection rules.
        manifest: the utterances. Those with a value in `congruent` are also scored separately. The
            intervals draw from the speakers.
        classes: class names in the order of the class indices.
        rule: the selection rule that counts; the others are under `compared`.
        decision: how `predictions` were made from segments.

    Returns:
        What `mfsn.evaluation.over_folds.summary` gives for `ua`, `wa` and `macro_f1`; `intervals`
        of these three, see `mfsn.evaluation.intervals`; `congruence` (pooled scores of congruent
        and of incongruent utterances, demo only); `chance_ua`.

    Raises:
        PredictionError: if no prediction was selected by `rule`.
    """
    main, measure = of_rule(predictions, rule), partial(_measured, classes=classes)
    found: dict[str, Any] = rounded(
        {
            **summary(predictions, rule, decision, measure),
            "chance_ua": 1 / len(classes),
            "intervals": _intervals(main, manifest, classes, decision),
            "congruence": _congruence(main, manifest, measure),
        }
    )
    return found


def headline(scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores for metrics.json: few enough for one row of `dvc exp show`."""
    shown = {name: scores[name] for name in (*NAMES, "chance_ua")}
    spread = {"ua_std": scores["std"]["ua"]} if "std" in scores else {}
    return {**shown, **spread, "ua_pooled": scores["pooled"]["ua"]}


def confusion_table(predictions: pd.DataFrame, rule: str) -> pd.DataFrame:
    """One row per decision with `actual` and `predicted`; DVC's confusion plot counts the rows."""
    main = predictions[predictions["selection"] == rule]
    names = {"label": "actual"}
    return main.rename(columns=names)[["actual", "predicted", "fold", "seed", "utterance_id"]]


def folds_table(scores: Mapping[str, Any], score: str = "ua") -> pd.DataFrame:
    """One row per fold with its scores (mean over seeds); the column `score` is what DVC plots."""
    rows = scores["folds"].items()
    return pd.DataFrame([{"fold": fold, "score": v[score], **v} for fold, v in rows])


def _congruence(
    predictions: pd.DataFrame, manifest: pd.DataFrame, measure: Measure
) -> dict[str, Any]:
    known = manifest.dropna(subset=["congruent"])
    agrees = known["congruent"].astype(bool)
    ids = {
        "congruent": known["utterance_id"][agrees],
        "incongruent": known["utterance_id"][~agrees],
    }
    parts = {name: predictions[predictions["utterance_id"].isin(i)] for name, i in ids.items()}
    return {name: mean_over_seeds(part, measure) for name, part in parts.items() if len(part)}


def _measured(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, float]:
    found = scores_of(confusion(predictions, classes))
    return {name: getattr(found, name) for name in NAMES}


def _intervals(
    main: pd.DataFrame, manifest: pd.DataFrame, classes: Sequence[str], decision: EvaluateConfig
) -> dict[str, Any]:
    sums = partial(confusion, classes=classes)
    return intervals(main, manifest, sums, rates, decision)


def confusion(predictions: pd.DataFrame, classes: Sequence[str]) -> Int64:
    """Counts of utterances, actual by predicted class, [C, C]."""
    index = pd.Index(list(classes))
    actual, predicted = (
        index.get_indexer(pd.Index(predictions[name])) for name in ("label", "predicted")
    )
    return confusion_matrix(actual, predicted, len(classes))
