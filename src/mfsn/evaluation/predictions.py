"""The table of segment predictions to the table of utterance predictions, checked on the way.

Works on tables alone and never on a model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mfsn.errors import PredictionError
from mfsn.evaluation.aggregation import decide
from mfsn.evaluation.config import EvaluateConfig
from mfsn.manifest import predictions_schema

LOG_POSTERIOR = "log_posterior_"
POSTERIOR = "posterior_"
KEYS = ["selection", "seed", "fold", "utterance_id"]
PARTIAL_PROTOCOLS = frozenset({"folds_from_file", "official_split"})
"""Protocols whose test folds need not cover the corpus; all others test every utterance."""


def decide_utterances(
    segments: pd.DataFrame, classes: Sequence[str], config: EvaluateConfig
) -> pd.DataFrame:
    """One row an utterance, fold, seed and selection rule, sorted by `KEYS`.

    Args:
        segments: follows `mfsn.manifest.segment_predictions_schema(classes)`.
        classes: class names in the order of the class indices.
        config: how segments become a decision.

    Returns:
        A table that follows `mfsn.manifest.predictions_schema(classes)`.

    Raises:
        PredictionError: if the table is empty, holds a log-posterior that is not finite or rows
            that do not sum to 1, or has a segment twice in one fold, seed and rule.
    """
    _check_segments(segments, classes)
    ordered = segments.sort_values([*KEYS, "segment_id"], kind="stable", ignore_index=True)
    groups = ordered.groupby(KEYS, sort=True)
    decisions = decide(
        ordered[_columns(LOG_POSTERIOR, classes)].to_numpy(),
        np.asarray(groups.ngroup(), dtype=np.int64),
        ordered["valid_samples"].to_numpy(),
        config,
    )
    table: pd.DataFrame = groups[["label", "run"]].first().reset_index()
    table["predicted"] = np.asarray(classes, dtype=object)[decisions.predicted_U]
    table[_columns(POSTERIOR, classes)] = decisions.posterior_UC
    columns: list[str] = predictions_schema(classes).names
    return table[columns]


def check_coverage(predictions: pd.DataFrame, manifest: pd.DataFrame, protocol: str) -> None:
    """Every utterance is tested exactly once per seed and rule, under the manifest's label.

    Protocols in `PARTIAL_PROTOCOLS` may leave utterances out, but the same ones for every seed
    and rule.

    Raises:
        PredictionError: if an utterance is unknown to the manifest, is tested twice or never, or
            has another label than in the manifest.
    """
    labels = manifest.set_index("utterance_id")["emotion"]
    tested = set(predictions["utterance_id"])
    _refuse(tested - set(labels.index), "are not in the manifest")
    expected = tested if protocol in PARTIAL_PROTOCOLS else set(labels.index)
    for (rule, seed), group in predictions.groupby(["selection", "seed"]):
        ids = group["utterance_id"]
        _refuse(ids[ids.duplicated()], f"are tested in several folds of seed {seed} ({rule})")
        _refuse(expected - set(ids), f"are never tested with seed {seed} ({rule})")
    differing = (
        labels.loc[predictions["utterance_id"]].to_numpy() != predictions["label"].to_numpy()
    )
    _refuse(predictions["utterance_id"][differing], "have another label than in the manifest")


def _check_segments(segments: pd.DataFrame, classes: Sequence[str]) -> None:
    if segments.empty:
        raise PredictionError("the table of segment predictions is empty; run `dvc repro train`")
    log_posteriors = segments[_columns(LOG_POSTERIOR, classes)].to_numpy()
    finite = np.isfinite(log_posteriors).all(axis=1)
    _refuse(segments["segment_id"][~finite], "have a log-posterior that is not finite")
    normalised = np.abs(np.exp(log_posteriors).sum(axis=1) - 1) < 1e-3
    _refuse(segments["segment_id"][~normalised], "have posteriors that do not sum to 1")
    twice = segments.duplicated([*KEYS, "segment_id"])
    _refuse(segments["segment_id"][twice], "appear twice in one fold")


def _columns(prefix: str, classes: Sequence[str]) -> list[str]:
    return [prefix + name for name in classes]


def _refuse(ids: pd.Series | set[str], what: str) -> None:
    names = sorted(set(ids))
    if names:
        raise PredictionError(
            f"the predictions do not fit the corpus: {len(names)} ids {what}, first "
            f"{', '.join(names[:5])}; run `dvc repro` so that training and manifest agree"
        )
