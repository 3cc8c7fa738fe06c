"""Stage `evaluate`: segment predictions -> utterance predictions, metrics and DVC's plots."""

from typing import Any

from _start import run
from mfsn.evaluation.evaluate import confusion_table, folds_table, headline, summarise
from mfsn.evaluation.predictions import check_coverage, decide_utterances
from mfsn.files import write_json, write_text
from mfsn.manifest import (
    UTTERANCES,
    predictions_schema,
    read_table,
    scored,
    segment_predictions_schema,
    write_table,
)
from mfsn.params import Stage


def evaluate(stage: Stage) -> None:
    """Decide, check, score, write."""
    params, outputs = stage.params, stage.outputs
    classes, rule = params.labels.classes, params.selection.rule
    manifest = scored(read_table(outputs.manifest, UTTERANCES))
    segments = read_table(outputs.segment_predictions, segment_predictions_schema(classes))
    predictions = decide_utterances(segments, classes, params.evaluate)
    check_coverage(predictions, manifest, params.protocol.name)
    scores = summarise(predictions, manifest, classes, rule, params.evaluate)
    write_table(outputs.predictions, predictions, predictions_schema(classes))
    write_json(outputs.scores, scores)
    write_json(outputs.metrics, headline(scores))
    confusion = confusion_table(predictions, rule)
    write_text(outputs.plots / "confusion.csv", confusion.to_csv(index=False))
    write_text(outputs.plots / "folds.csv", folds_table(scores).to_csv(index=False))
    print(summary(scores))


def summary(scores: dict[str, Any]) -> str:
    """One line for the terminal."""
    counts = ", ".join(f"{number} {name}" for name, number in scores["counts"].items())
    return (
        f"evaluate: UA {scores['ua']:.1%} (chance {scores['chance_ua']:.1%}), "
        f"WA {scores['wa']:.1%}; {counts}"
    )


if __name__ == "__main__":
    run("evaluate", evaluate)
