"""Linear probes: what a linear model can tell from one level of an encoder.

An utterance is represented by the mean of its valid frames at one level, so that a probe sees
neither their order nor their number.

Shapes: S segments, T frames, D width, U utterances, C classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mfsn.base.arrays import Float32, Int64
from mfsn.features.pooling import mean_over_valid
from mfsn.systems.linear.model import LinearModel, fit_classifier


def segment_means(hidden_STD: npt.NDArray[Any], valid_S: Int64, samples: int) -> Float32:
    """The mean of each segment's valid frames, [S, D].

    Args:
        hidden_STD: a level of segments: every frame, or their means already (T = 1).
        valid_S: samples of each that count as audio.
        samples: of a segment, padding included.
    """
    mean_SD: Float32 = mean_over_valid(torch.from_numpy(hidden_STD), valid_S, samples)[:, 0].numpy()
    return mean_SD


def utterance_means(mean_SD: Float32, valid_S: Int64, utterance_S: Int64) -> Float32:
    """The mean of each utterance's segments, weighted by their real audio, [U, D].

    Args:
        mean_SD: what `segment_means` gave.
        valid_S: samples of each segment that count as audio, from 1.
        utterance_S: each segment's utterance, 0 to U - 1; each has a segment.
    """
    sum_UD = np.zeros((utterance_S.max() + 1, mean_SD.shape[1]))
    np.add.at(sum_UD, utterance_S, mean_SD.astype(np.float64) * valid_S[:, None])
    mean_UD: Float32 = (sum_UD / np.bincount(utterance_S, valid_S)[:, None]).astype(np.float32)
    return mean_UD


def fit_logistic(
    means_NP: npt.NDArray[Any], labels_N: Int64, *, c: float, balanced: bool, max_iter: int
) -> tuple[LinearModel, bool]:
    """Fit a probe (scikit-learn: StandardScaler, then LogisticRegression, multinomial).

    Arguments are those of `mfsn.systems.linear.model.fit_linear`.

    Returns:
        The model, whose decision values give scikit-learn's posteriors by softmax, and whether
        L-BFGS converged.
    """
    from sklearn.linear_model import LogisticRegression

    weights = "balanced" if balanced else None
    machine = LogisticRegression(C=c, class_weight=weights, max_iter=max_iter)
    return fit_classifier(machine, means_NP, labels_N, share=0.5)  # whose softmax is the sigmoid
