"""From segments to utterances: one decision from the posteriors of an utterance's segments.

Shapes: S segments, U utterances, C classes, D dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mfsn.base.arrays import Float64, Int64
from mfsn.errors import PredictionError
from mfsn.evaluation.config import EvaluateConfig


@dataclass(frozen=True)
class Decisions:
    """What was decided for each utterance."""

    posterior_UC: Float64
    """Posterior of each class; rows sum to 1. For `majority_vote`, the share of votes per class."""
    predicted_U: Int64
    """Index of the class with the largest posterior; the mean log-posterior decides ties."""


def decide(
    log_posterior_SC: Float64, utterance_S: Int64, valid_S: Int64, config: EvaluateConfig
) -> Decisions:
    """Decide each utterance from its segments.

    `mean_log_posterior` takes the geometric mean and scales it to sum to 1 (CA-MSER train_ser.py:
    mean of log-softmax, then argmax). `mean_posterior` takes the arithmetic mean. `majority_vote`
    counts the decisions of the single segments. With `weigh_by_duration`, each segment is weighed
    by its number of valid samples.

    Args:
        log_posterior_SC: natural logarithm of each segment's posteriors, finite.
        utterance_S: index of each segment's utterance; every index from 0 to U - 1 occurs.
        valid_S: samples of real audio per segment, 0 or more; each utterance has at least one.
        config: aggregation and weighting.

    Returns:
        The decisions, in the order of the utterance indices.

    Raises:
        PredictionError: if there are no segments, an utterance has no segments or no real audio,
            or a log-posterior is not finite.
    """
    _check(log_posterior_SC, utterance_S, valid_S, "log-posterior")
    weight_S = _weights(valid_S, config)
    mean_log_UC = _mean(log_posterior_SC, utterance_S, weight_S)
    if config.aggregation == "mean_log_posterior":
        posterior_UC = _softmax(mean_log_UC)
    elif config.aggregation == "mean_posterior":
        posterior_UC = _mean(np.exp(log_posterior_SC), utterance_S, weight_S)
    else:
        posterior_UC = _mean(_votes(log_posterior_SC), utterance_S, weight_S)
    return Decisions(posterior_UC, _largest(posterior_UC, mean_log_UC))


def mean_values(
    value_SD: Float64, utterance_S: Int64, valid_S: Int64, config: EvaluateConfig
) -> Float64:
    """The mean over the segments of each utterance, for each dimension, (U, D).

    Args:
        value_SD: predicted values of each segment, finite.
        utterance_S: as in `decide`.
        valid_S: as in `decide`.
        config: only `weigh_by_duration` is used.

    Raises:
        PredictionError: in the same cases as `decide`.
    """
    _check(value_SD, utterance_S, valid_S, "value")
    return _mean(value_SD, utterance_S, _weights(valid_S, config))


def _weights(valid_S: Int64, config: EvaluateConfig) -> Float64:
    return valid_S.astype(np.float64) if config.weigh_by_duration else np.ones(len(valid_S))


def _mean(values_SC: Float64, utterance_S: Int64, weight_S: Float64) -> Float64:
    """Weighted mean over the segments of each utterance."""
    # Weights are whole numbers. Dividing last keeps votes exact, so that ties are found as ties.
    sums_UC = np.zeros((int(utterance_S.max()) + 1, values_SC.shape[1]))
    np.add.at(sums_UC, utterance_S, values_SC * weight_S[:, None])
    mean_UC: Float64 = sums_UC / np.bincount(utterance_S, weights=weight_S)[:, None]
    return mean_UC


def _softmax(log_UC: Float64) -> Float64:
    odds_UC = np.exp(log_UC - log_UC.max(axis=1, keepdims=True))
    posterior_UC: Float64 = odds_UC / odds_UC.sum(axis=1, keepdims=True)
    return posterior_UC


def _votes(log_posterior_SC: Float64) -> Float64:
    """One-hot rows for the class that each segment alone would choose."""
    votes_SC: Float64 = np.eye(log_posterior_SC.shape[1])[log_posterior_SC.argmax(axis=1)]
    return votes_SC


def _largest(posterior_UC: Float64, mean_log_UC: Float64) -> Int64:
    leading_UC = posterior_UC == posterior_UC.max(axis=1, keepdims=True)
    predicted_U: Int64 = np.where(leading_UC, mean_log_UC, -np.inf).argmax(axis=1)
    return predicted_U


def _check(predicted_S: Float64, utterance_S: Int64, valid_S: Int64, what: str) -> None:
    if not len(predicted_S):
        raise PredictionError("there are no segments; give at least one")
    if not np.isfinite(predicted_S).all():
        raise PredictionError(f"a {what} is not finite; the model that made it is broken")
    if np.bincount(utterance_S).min() == 0:
        raise PredictionError("an utterance has no segments; number utterances without gaps")
    # With the published way of cutting, the last segment may consist of padding alone.
    if np.bincount(utterance_S, weights=valid_S).min() < 1:
        raise PredictionError("an utterance has no real audio; run `dvc repro segment` again")
