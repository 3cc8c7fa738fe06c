"""From the table of segment predictions to the table of utterance predictions, with checks.

Only tables are read here, never a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mfsn.base.arrays import Int64
from mfsn.errors import PredictionError
from mfsn.evaluation.aggregation import decide, mean_values
from mfsn.evaluation.config import EvaluateConfig
from mfsn.manifest import LABEL, MEAN, PREDICTED, predictions_schema, value_columns
from mfsn.protocols.fold import Fold, some

if TYPE_CHECKING:
    from pandas.core.groupby import DataFrameGroupBy

LOG_POSTERIOR = "log_posterior_"
POSTERIOR = "posterior_"
KEYS = ["selection", "seed", "fold", "utterance_id"]


def decide_utterances(
    segments: pd.DataFrame, classes: Sequence[str], config: EvaluateConfig
) -> pd.DataFrame:
    """Make one row per utterance, fold, seed and selection rule, sorted by `KEYS`.

    Args:
        segments: follows `mfsn.manifest.segment_predictions_schema(classes)`.
        classes: class names in the order of the class indices.
        config: how segments become a decision.

    Returns:
        A table that follows `mfsn.manifest.predictions_schema(classes)`.

    Raises:
        PredictionError: if the table is empty, a log-posterior is not finite, the posteriors of a
            row do not sum to 1, or a segment occurs twice in the same fold, seed and rule.
    """
    log_posteriors = _columns(LOG_POSTERIOR, classes)
    _check_segments(segments, log_posteriors, "a log-posterior")
    _check_normalised(segments, log_posteriors)
    groups, inputs = _grouped(segments, log_posteriors)
    decisions = decide(*inputs, config)
    table: pd.DataFrame = groups[["label", "run"]].first().reset_index()
    table["predicted"] = np.asarray(classes, dtype=object)[decisions.predicted_U]
    table[_columns(POSTERIOR, classes)] = decisions.posterior_UC
    columns: list[str] = predictions_schema(classes).names
    return table[columns]


def mean_over_segments(
    segments: pd.DataFrame, dimensions: Sequence[str], config: EvaluateConfig
) -> pd.DataFrame:
    """Take the mean value of the segments; `decide_utterances` for predicted dimensions.

    Args:
        segments: follows `mfsn.manifest.segment_predictions_schema([], dimensions)`.
        dimensions: the names of the dimensions.
        config: whether segments are weighed by their duration.

    Returns:
        A table that follows `mfsn.manifest.predictions_schema([], dimensions)`.

    Raises:
        PredictionError: if the table is empty, a value is not finite, or a segment occurs twice in
            the same fold, seed and rule.
    """
    predicted = value_columns(PREDICTED, dimensions)
    _check_segments(segments, predicted, "a value")
    groups, inputs = _grouped(segments, predicted)
    given = value_columns(LABEL, dimensions) + value_columns(MEAN, dimensions)
    table: pd.DataFrame = groups[["label", "run", *given]].first().reset_index()
    table[predicted] = mean_values(*inputs, config)
    columns: list[str] = predictions_schema([], dimensions).names
    return table[columns]


def check_folds(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    folds: Sequence[Fold],
    dimensions: Sequence[str] = (),
) -> None:
    """Check that every fold tests its own test utterances once per seed and selection rule.

    The labels must be those of the manifest.

    Args:
        predictions: the utterance predictions of all folds, seeds and selection rules.
        manifest: the utterances.
        folds: what should have been tested.
        dimensions: those that are predicted; their values are labels too.

    Raises:
        PredictionError: if a fold tests utterances that are not in its test set, tests one twice
            or leaves one out, or if a label differs from the manifest.
    """
    expected = {fold.name: sorted(fold.test) for fold in folds}
    for (rule, seed), run in predictions.groupby(["selection", "seed"]):
        tested = {str(name): sorted(ids) for name, ids in run.groupby("fold")["utterance_id"]}
        wrong = {name for name in {*expected, *tested} if expected.get(name) != tested.get(name)}
        _refuse_folds(wrong, f"other test utterances than the protocol (seed {seed}, {rule})")
    own = manifest.set_index("utterance_id").loc[predictions["utterance_id"]]
    for column, name in {"label": "emotion", **{LABEL + name: name for name in dimensions}}.items():
        differing = own[name].to_numpy() != predictions[column].to_numpy()
        _refuse_folds(set(predictions["fold"][differing]), "other labels than the manifest")


def _refuse_folds(folds: set[str], what: str) -> None:
    if folds:
        raise PredictionError(
            f"the predictions of {some(folds)} have {what}; run `dvc repro` so that training and "
            "manifest agree"
        )


def _grouped(
    segments: pd.DataFrame, columns: Sequence[str]
) -> tuple[DataFrameGroupBy[Any, Any], tuple[Any, Int64, Any]]:
    """The segments by utterance, fold, seed and rule; and their values, groups and durations."""
    ordered = segments.sort_values([*KEYS, "segment_id"], kind="stable", ignore_index=True)
    groups = ordered.groupby(KEYS, sort=True)
    group_S = np.asarray(groups.ngroup(), dtype=np.int64)
    return groups, (ordered[list(columns)].to_numpy(), group_S, ordered["valid_samples"].to_numpy())


def _check_segments(segments: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    if segments.empty:
        raise PredictionError("the table of segment predictions is empty; run `dvc repro train`")
    finite = np.isfinite(segments[list(columns)].to_numpy()).all(axis=1)
    _refuse(segments["segment_id"][~finite], f"have {what} that is not finite")
    twice = segments.duplicated([*KEYS, "segment_id"])
    _refuse(segments["segment_id"][twice], "appear twice in one fold")


def _check_normalised(segments: pd.DataFrame, columns: Sequence[str]) -> None:
    sums = np.exp(segments[list(columns)].to_numpy()).sum(axis=1)
    _refuse(
        segments["segment_id"][np.abs(sums - 1) >= 1e-3], "have posteriors that do not sum to 1"
    )


def _columns(prefix: str, classes: Sequence[str]) -> list[str]:
    return [prefix + name for name in classes]


def _refuse(ids: pd.Series | set[str], what: str) -> None:
    names = sorted(set(ids))
    if names:
        raise PredictionError(
            f"the predictions do not fit the corpus: {len(names)} ids {what}, first "
            f"{', '.join(names[:5])}; run `dvc repro` so that training and manifest agree"
        )
