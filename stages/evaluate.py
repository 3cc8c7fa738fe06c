"""Stage `evaluate`: segment predictions -> utterance predictions, metrics and DVC's plots."""

from _start import run
from mfsn.evaluation.evaluate import score_classes, score_dimensions
from mfsn.params import Stage


def evaluate(stage: Stage) -> None:
    """Score what training predicted: values of dimensions, or decisions between classes."""
    params = stage.params
    score = score_dimensions if params.labels.rated else score_classes
    line = score(
        stage.outputs, params.labels, params.protocol, params.selection.rule, params.evaluate
    )
    print(f"evaluate: {line}")


if __name__ == "__main__":
    run("evaluate", evaluate)
