"""What the stage `evaluate` does with segment predictions: decide, check, score and write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mfsn.base.files import write_json, write_text
from mfsn.base.quantities import counted
from mfsn.corpora.config import LabelsConfig
from mfsn.evaluation import classes, dimensions
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.crossing import summarise_pairs
from mfsn.evaluation.predictions import check_folds, decide_utterances, mean_over_segments
from mfsn.manifest import (
    UTTERANCES,
    predictions_schema,
    read_table,
    scored,
    segment_predictions_schema,
    write_table,
)
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import make_folds
from mfsn.workspace import Outputs


def score_classes(
    outputs: Outputs, labels: LabelsConfig, protocol: ProtocolConfig, rule: str, how: EvaluateConfig
) -> str:
    """Score decisions between classes, and write predictions, scores and plots.

    Args:
        outputs: the paths of all files that are read and written.
        labels: the classes.
        protocol: decides which utterances each fold tests.
        rule: the selection rule that counts.
        how: how segments become a decision.

    Returns:
        One line for the terminal.

    Raises:
        ManifestError: if a table is missing or damaged.
        PredictionError: if the predictions do not fit the folds.
        ProtocolError: as `mfsn.protocols.make.make_folds`.
    """
    names, utterances = labels.classes, read_table(outputs.manifest, UTTERANCES)
    manifest = scored(utterances)
    segments = read_table(outputs.segment_predictions, segment_predictions_schema(names))
    predictions = decide_utterances(segments, names, how)
    folds = make_folds(utterances, protocol, outputs.workspace)
    check_folds(predictions, manifest, folds)
    pairs = {fold.name: fold.pair for fold in folds if fold.pair is not None}
    if pairs:
        scores = summarise_pairs(predictions, manifest, names, rule, how, pairs=pairs)
    else:
        scores = classes.summarise(predictions, manifest, names, rule, how)
    write_table(outputs.predictions, predictions, predictions_schema(names))
    of_folds = predictions[predictions["fold"].isin(scores["folds"])]
    plotted = classes.confusion_table(of_folds, rule)
    _write(outputs, scores, classes.headline(scores), plotted, classes.folds_table(scores))
    return (
        f"UA {scores['ua']:.1%} (chance {scores['chance_ua']:.1%}), "
        f"WA {scores['wa']:.1%}; {_counts(scores)}"
    )


def score_dimensions(
    outputs: Outputs, labels: LabelsConfig, protocol: ProtocolConfig, rule: str, how: EvaluateConfig
) -> str:
    """Score predicted values, and write predictions, scores and plots; see `score_classes`."""
    names, utterances = labels.rated, read_table(outputs.manifest, UTTERANCES)
    manifest = scored(utterances)
    segments = read_table(outputs.segment_predictions, segment_predictions_schema([], names))
    predictions = mean_over_segments(segments, names, how)
    tested = make_folds(utterances, protocol, outputs.workspace)
    check_folds(predictions, manifest, tested, names)
    scores = dimensions.summarise_dimensions(predictions, manifest, names, rule, how)
    write_table(outputs.predictions, predictions, predictions_schema([], names))
    plotted = dimensions.scatter_table(predictions, names, rule)
    folds = classes.folds_table(scores, "ccc")
    _write(outputs, scores, dimensions.headline(scores), plotted, folds)
    return (
        f"CCC {scores['ccc']:.3f}, MSE {scores['mse']:.3f} (predicting the mean "
        f"{scores['predict_the_mean']['mse']:.3f}); {_counts(scores)}"
    )


def _write(
    outputs: Outputs,
    scores: Mapping[str, Any],
    headline: Mapping[str, float],
    predicted: pd.DataFrame,
    folds: pd.DataFrame,
) -> None:
    """Write the JSON files of the scores and the tables that DVC plots."""
    write_json(outputs.scores, scores)
    write_json(outputs.metrics, headline)
    write_text(outputs.plots / "predicted.csv", predicted.to_csv(index=False))
    write_text(outputs.plots / "folds.csv", folds.to_csv(index=False))


def _counts(scores: Mapping[str, Any]) -> str:
    """How many utterances, folds and seeds were scored, in words."""
    counts = scores["counts"].items()
    return ", ".join(counted(number, name.removesuffix("s")) for name, number in counts)
