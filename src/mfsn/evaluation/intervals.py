"""95 % intervals: how much the scores depend on which speakers are tested.

The interval belongs to the score beside it: the mean over folds, then over seeds, as in
`mfsn.evaluation.over_folds`. This is a percentile bootstrap (Efron 1979) over clusters. Utterances
of the same speaker are similar, so whole speakers are drawn with all their utterances, and the same
speakers for all seeds. An utterance of an unknown speaker is drawn by itself. Training is not
repeated, so the intervals do not show how much another training set would change the scores.

In each draw every fold is scored on those of its speakers that were drawn. A fold of which twice as
many speakers were drawn as it has counts twice in the mean, and a fold without drawn speakers does
not count. If every speaker is drawn once, this is the plain mean over folds. With one fold, it is
the pooled score. With one speaker per fold, it is the bootstrap of a mean over speakers.

Shapes: R draws, S seeds, F folds, K clusters, M sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mfsn.base.arrays import Float64, Int64
from mfsn.evaluation.config import EvaluateConfig

QUANTILES = {"low": 0.025, "high": 0.975}
FEWEST_CLUSTERS = 2

Sums = Callable[[pd.DataFrame], Float64 | Int64]
"""From predictions to sums, (M...), which can be added over disjoint sets of predictions."""
Statistic = Callable[[Float64], dict[str, Float64]]
"""From sums, (..., M...), to scores by name, (...)."""


def intervals(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    sums: Sums,
    statistic: Statistic,
    config: EvaluateConfig,
) -> dict[str, Any]:
    """The lower and upper end of the interval of each mean over folds and seeds.

    Args:
        predictions: predictions of the folds and of the selection rule that count. If all have the
            same `fold`, the intervals are those of the pooled scores.
        manifest: the utterances, with `speaker`.
        sums: computes what is added over clusters.
        statistic: computes the scores from such sums.
        config: `interval_draws` and `interval_seed` are used.

    Returns:
        For each score its ends `low` and `high`; further `draws`, and the numbers of `speakers`
        and `utterances` (of unknown speakers) in the draw. Empty if there are 0 draws or fewer
        than two clusters.
    """
    speakers = manifest.dropna(subset=["speaker"]).set_index("utterance_id")["speaker"]
    speaker = predictions["utterance_id"].map(speakers)
    cluster = speaker.where(speaker.notna(), "utterance " + predictions["utterance_id"])
    drawn = {"speakers": int(speaker.nunique()), "utterances": cluster[speaker.isna()].nunique()}
    if not config.interval_draws or sum(drawn.values()) < FEWEST_CLUSTERS:
        return {}
    sums_SFKM, tested_SFK = _by_cluster(predictions, cluster, sums)
    drawn_RSFM, share_RSF = _draw(sums_SFKM, tested_SFK, config)
    found = statistic(drawn_RSFM)
    ends = {name: _ends((share_RSF * score_RSF).sum(axis=-1)) for name, score_RSF in found.items()}
    return {**ends, "draws": config.interval_draws, **drawn}


def _by_cluster(
    predictions: pd.DataFrame, cluster: pd.Series, sums: Sums
) -> tuple[Float64, Float64]:
    """The sums of each seed, fold and cluster, (S, F, K, M...), and whether there are any."""
    keys = [predictions["seed"], predictions["fold"], cluster]
    codes = [pd.factorize(key, sort=True) for key in keys]
    tested_SFK = np.zeros([len(names) for _, names in codes])
    groups = predictions.groupby([code for code, _ in codes])
    found: dict[Any, Float64] = {
        place: np.asarray(sums(group), np.float64) for place, group in groups
    }
    sums_SFKM = np.zeros(tested_SFK.shape + next(iter(found.values())).shape)
    for place, sums_M in found.items():
        sums_SFKM[place], tested_SFK[place] = sums_M, 1
    return sums_SFKM, tested_SFK


def _draw(
    sums_SFKM: Float64, tested_SFK: Float64, config: EvaluateConfig
) -> tuple[Float64, Float64]:
    """The sums of each draw, seed and fold, (R, S, F, M...), and each fold's share in the mean."""
    clusters = tested_SFK.shape[-1]
    generator = np.random.default_rng(config.interval_seed)
    times_RK = generator.multinomial(
        clusters, np.full(clusters, 1 / clusters), size=config.interval_draws
    ).astype(np.float64)
    drawn_RSFM = np.tensordot(times_RK, sums_SFKM, axes=(1, 2))
    weight_RSF = np.tensordot(times_RK, tested_SFK, axes=(1, 2)) / tested_SFK.sum(axis=-1)
    # A fold without drawn speakers needs some score that its share of 0 takes away again.
    drawn_RSFM = np.where(
        weight_RSF.reshape(weight_RSF.shape + (1,) * (sums_SFKM.ndim - 3)) > 0,
        drawn_RSFM,
        sums_SFKM.sum(axis=2),
    )
    share_RSF: Float64 = weight_RSF / weight_RSF.sum(axis=-1, keepdims=True)
    return drawn_RSFM, share_RSF


def _ends(score_RS: Float64) -> dict[str, float]:
    score_R = score_RS.mean(axis=1)
    return {name: float(np.quantile(score_R, share)) for name, share in QUANTILES.items()}
