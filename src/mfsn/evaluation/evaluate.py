"""The stage `evaluate`: what a table of predictions is worth.

Scores are computed per fold and seed, averaged over folds, then over seeds (CA-MSER: plain mean
over folds and seeds). Pooled scores take all utterances of a seed as one set, so that a fold
without a class does not count its UA over fewer classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mfsn.errors import PredictionError
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.metrics import scores

DECIMALS = 6
NAMES = ("ua", "wa", "macro_f1")


def summarise(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: Sequence[str],
    rule: str,
    decision: EvaluateConfig,
) -> dict[str, Any]:
    """Everything that scores.json states, rounded to six decimals.

    Args:
        predictions: the utterance predictions of all folds, seeds and selection rules.
        manifest: the utterances; those with `congruent` are scored apart as well.
        classes: class names in the order of the class indices.
        rule: the selection rule that counts; the others stand under `compared`.
        decision: how `predictions` were made from segments.

    Returns:
        `selection`; `decision`; `ua`, `wa`, `macro_f1`: mean over folds, then seeds; `pooled`: all
        folds as one set, mean over seeds; `std` (sample standard deviation over seeds) and `seeds`
        (each by itself), where there are several; `folds`: each by itself; `compared`: the other
        rules; `congruence`: pooled scores of congruent and incongruent utterances (demo);
        `chance_ua`; `counts`.

    Raises:
        PredictionError: if no prediction was selected by `rule`.
    """
    main = predictions[predictions["selection"] == rule]
    if main.empty:
        raise PredictionError(
            f"there are no predictions selected by {rule} (found: "
            f"{', '.join(sorted(set(predictions['selection'])))}); run `dvc repro train`"
        )
    others = predictions[predictions["selection"] != rule]
    values = {
        "selection": rule,
        "decision": decision.model_dump(mode="json"),
        "chance_ua": 1 / len(classes),
        **_over_seeds(main, classes),
        "folds": {fold: _mean_over_seeds(f, classes) for fold, f in main.groupby("fold")},
        "compared": {name: _over_seeds(o, classes) for name, o in others.groupby("selection")},
        "congruence": _congruence(main, manifest, classes),
        "counts": _counts(main),
    }
    rounded: dict[str, Any] = _rounded({name: v for name, v in values.items() if v != {}})
    return rounded


def headline(summary: Mapping[str, Any]) -> dict[str, float]:
    """What metrics.json states of a summary: few enough numbers for a line of `dvc exp show`."""
    shown = {name: summary[name] for name in (*NAMES, "chance_ua")}
    spread = {"ua_std": summary["std"]["ua"]} if "std" in summary else {}
    return {**shown, **spread, "ua_pooled": summary["pooled"]["ua"]}


def confusion_table(predictions: pd.DataFrame, rule: str) -> pd.DataFrame:
    """One row a decision with `actual` and `predicted`: DVC's confusion template counts rows."""
    main = predictions[predictions["selection"] == rule]
    names = {"label": "actual"}
    return main.rename(columns=names)[["actual", "predicted", "fold", "seed", "utterance_id"]]


def folds_table(summary: Mapping[str, Any]) -> pd.DataFrame:
    """One row a fold with its UA, WA and macro-F1 (mean over seeds)."""
    return pd.DataFrame([{"fold": fold, **values} for fold, values in summary["folds"].items()])


def _over_seeds(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    seeds = {str(seed): _of_seed(s, classes) for seed, s in predictions.groupby("seed")}
    means = {
        **_statistic(seeds.values(), np.mean),
        "pooled": _statistic([seed["pooled"] for seed in seeds.values()], np.mean),
    }
    if len(seeds) == 1:
        return means
    return {**means, "std": _statistic(seeds.values(), _sample_std), "seeds": seeds}


def _of_seed(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    folds = [_scores(fold, classes) for _, fold in predictions.groupby("fold")]
    return {**_statistic(folds, np.mean), "pooled": _scores(predictions, classes)}


def _mean_over_seeds(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    seeds = [_scores(seed, classes) for _, seed in predictions.groupby("seed")]
    return {**_statistic(seeds, np.mean), "utterances": predictions["utterance_id"].nunique()}


def _congruence(
    predictions: pd.DataFrame, manifest: pd.DataFrame, classes: Sequence[str]
) -> dict[str, Any]:
    known = manifest.dropna(subset=["congruent"])
    agrees = known["congruent"].astype(bool)
    ids = {
        "congruent": known["utterance_id"][agrees],
        "incongruent": known["utterance_id"][~agrees],
    }
    parts = {name: predictions[predictions["utterance_id"].isin(i)] for name, i in ids.items()}
    return {name: _mean_over_seeds(part, classes) for name, part in parts.items() if len(part)}


def _counts(predictions: pd.DataFrame) -> dict[str, int]:
    counted = {"utterances": "utterance_id", "folds": "fold", "seeds": "seed"}
    return {name: int(predictions[column].nunique()) for name, column in counted.items()}


def _scores(predictions: pd.DataFrame, classes: Sequence[str]) -> dict[str, float]:
    index = pd.Index(list(classes))
    actual, predicted = (
        index.get_indexer(pd.Index(predictions[name])) for name in ("label", "predicted")
    )
    found = scores(actual, predicted, len(classes))
    return {name: getattr(found, name) for name in NAMES}


def _statistic(
    items: Iterable[Mapping[str, float]], function: Callable[[list[float]], Any]
) -> dict[str, float]:
    listed = list(items)
    return {name: float(function([item[name] for item in listed])) for name in NAMES}


def _sample_std(values: list[float]) -> Any:
    return np.std(values, ddof=1)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, DECIMALS) if isinstance(value, float) else value
