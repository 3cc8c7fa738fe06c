"""Mean and standard deviation of an utterance's valid frames, put together from its segments.

A segment counts by its real audio, as in the means of `mfsn.systems.linear.probe_model`. Squares
are taken of differences from a mean, so that nothing cancels where values are far from zero.

Shapes: S segments, T frames, D width, U utterances.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mfsn.base.arrays import Float32, Int64
from mfsn.features.pooling import mean_over_valid
from mfsn.systems.linear.probe_model import utterance_means


def segment_statistics(
    hidden_STD: npt.NDArray[Any], valid_S: Int64, samples: int
) -> tuple[Float32, Float32]:
    """Mean and variance of each segment's valid frames, both [S, D].

    Arguments are those of `mfsn.systems.linear.probe_model.segment_means`.
    """
    rows_STD = torch.from_numpy(hidden_STD).float()
    mean_S1D = mean_over_valid(rows_STD, valid_S, samples)
    variance_S1D = mean_over_valid((rows_STD - mean_S1D).square(), valid_S, samples)
    return mean_S1D[:, 0].numpy(), variance_S1D[:, 0].numpy()


def utterance_statistics(
    mean_SD: Float32, variance_SD: Float32, valid_S: Int64, utterance_S: Int64
) -> tuple[Float32, Float32]:
    """Mean and standard deviation of each utterance, both [U, D].

    The variance of an utterance is that within its segments and that between their means.

    Args:
        mean_SD: what `segment_statistics` gave.
        variance_SD: likewise.
        valid_S: samples of each segment that count as audio, from 1.
        utterance_S: each segment's utterance, 0 to U - 1; each has a segment.
    """
    mean_UD = utterance_means(mean_SD, valid_S, utterance_S)
    spread_SD = variance_SD + np.square(mean_SD - mean_UD[utterance_S])
    return mean_UD, np.sqrt(utterance_means(spread_SD, valid_S, utterance_S))
