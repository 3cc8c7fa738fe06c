"""Scores of utterances during training, by which epochs are chosen.

The plain mean of an utterance's segments decides, as published. Section `evaluate` of params.yaml
does not count here, so that another aggregation needs no new training.

Shapes: N segments, U utterances, C classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float64, Int64
from mfsn.evaluation.aggregation import decide, mean_values
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.metrics import concordance, mean_squared_error, scores


def score_classes(
    log_posterior_NC: Float64, labels_U: Int64, utterance_N: Int64
) -> dict[str, float]:
    """`ua` and `wa` if the mean log-posterior decides (CA-MSER train_ser.py).

    Args:
        log_posterior_NC: of segments, finite.
        labels_U: class indices.
        utterance_N: index of each segment's utterance.
    """
    equal_N = np.ones(len(utterance_N), np.int64)
    decided = decide(log_posterior_NC, utterance_N, equal_N, EvaluateConfig())
    found = scores(labels_U, decided.predicted_U, log_posterior_NC.shape[1])
    return {"ua": found.ua, "wa": found.wa}


def score_dimensions(
    value_ND: Float64, labels_UD: npt.NDArray[np.floating], utterance_N: Int64
) -> dict[str, float]:
    """`ccc` and `mse` of the mean value, each averaged over dimensions.

    Args:
        value_ND: of segments, finite, in the unit of the labels.
        labels_UD: values.
        utterance_N: index of each segment's utterance.
    """
    equal_N, actual_UD = np.ones(len(utterance_N), np.int64), labels_UD.astype(np.float64)
    value_UD = mean_values(value_ND, utterance_N, equal_N, EvaluateConfig())
    return {
        "ccc": float(concordance(actual_UD, value_UD).mean()),
        "mse": float(mean_squared_error(actual_UD, value_UD).mean()),
    }


def merit(score: Mapping[str, float]) -> float:
    """What selection tries to make large: WA + UA as in CA-MSER, or the mean CCC of dimensions."""
    return score["ccc"] if "ccc" in score else score["wa"] + score["ua"]
