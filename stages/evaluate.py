"""Stage `evaluate`: segment predictions -> utterance predictions, metrics and DVC's plots."""

from typing import Any

import pandas as pd

from _start import run
from mfsn.corpora.cross_corpus import CROSS_CORPUS
from mfsn.corpora.protocols import make_folds
from mfsn.evaluation import dimensions
from mfsn.evaluation import evaluate as classes
from mfsn.evaluation.crossing import check_folds, summarise_pairs
from mfsn.evaluation.predictions import check_coverage, decide_utterances, mean_over_segments
from mfsn.files import write_json, write_text
from mfsn.manifest import (
    UTTERANCES,
    predictions_schema,
    read_table,
    scored,
    segment_predictions_schema,
    segment_values_schema,
    values_schema,
    write_table,
)
from mfsn.params import Stage


def evaluate(stage: Stage) -> None:
    """Decide, check, score, write."""
    if stage.params.labels.rated:
        evaluate_dimensions(stage)
    else:
        evaluate_classes(stage)


def evaluate_classes(stage: Stage) -> None:
    """Of decisions between classes."""
    params, outputs = stage.params, stage.outputs
    names, rule = params.labels.classes, params.selection.rule
    utterances = read_table(outputs.manifest, UTTERANCES)
    manifest = scored(utterances)
    segments = read_table(outputs.segment_predictions, segment_predictions_schema(names))
    predictions = decide_utterances(segments, names, params.evaluate)
    if params.protocol.name == CROSS_CORPUS:
        folds = make_folds(utterances, params.protocol, outputs.workspace)
        check_folds(predictions, manifest, folds)
        scores = summarise_pairs(predictions, manifest, names, rule, params.evaluate)
    else:
        check_coverage(predictions, manifest, params.protocol.name)
        scores = classes.summarise(predictions, manifest, names, rule, params.evaluate)
    write_table(outputs.predictions, predictions, predictions_schema(names))
    counted = predictions[predictions["fold"].isin(scores["folds"])]
    plotted = classes.confusion_table(counted, rule)
    write_scores(stage, scores, classes.headline(scores), plotted, classes.folds_table(scores))
    print(
        f"evaluate: UA {scores['ua']:.1%} (chance {scores['chance_ua']:.1%}), "
        f"WA {scores['wa']:.1%}; {counts(scores)}"
    )


def evaluate_dimensions(stage: Stage) -> None:
    """Of predicted values."""
    params, outputs = stage.params, stage.outputs
    names, rule = params.labels.rated, params.selection.rule
    manifest = scored(read_table(outputs.manifest, UTTERANCES))
    segments = read_table(outputs.segment_predictions, segment_values_schema(names))
    predictions = mean_over_segments(segments, names, params.evaluate)
    check_coverage(predictions, manifest, params.protocol.name, names)
    scores = dimensions.summarise_dimensions(predictions, manifest, names, rule, params.evaluate)
    write_table(outputs.predictions, predictions, values_schema(names))
    plotted = dimensions.scatter_table(predictions, names, rule)
    folds = classes.folds_table(scores, "ccc")
    write_scores(stage, scores, dimensions.headline(scores), plotted, folds)
    print(
        f"evaluate: CCC {scores['ccc']:.3f}, MSE {scores['mse']:.3f} (predicting the mean "
        f"{scores['predict_the_mean']['mse']:.3f}); {counts(scores)}"
    )


def write_scores(
    stage: Stage,
    scores: dict[str, Any],
    headline: dict[str, float],
    predicted: pd.DataFrame,
    folds: pd.DataFrame,
) -> None:
    """The JSON of scores and what DVC plots."""
    outputs = stage.outputs
    write_json(outputs.scores, scores)
    write_json(outputs.metrics, headline)
    write_text(outputs.plots / "predicted.csv", predicted.to_csv(index=False))
    write_text(outputs.plots / "folds.csv", folds.to_csv(index=False))


def counts(scores: dict[str, Any]) -> str:
    """How much was scored, for the terminal."""
    return ", ".join(f"{number} {name}" for name, number in scores["counts"].items())


if __name__ == "__main__":
    run("evaluate", evaluate)
