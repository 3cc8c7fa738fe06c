"""95 % intervals: how much the pooled scores depend on which speakers are tested.

This is a percentile bootstrap (Efron 1979) over clusters. Utterances of the same speaker are
similar, so whole speakers are drawn with all their utterances, and the same speakers for all
seeds. An utterance of an unknown speaker is drawn by itself. Training is not repeated, so the
intervals do not show how much another training set would change the scores.

Shapes: R draws, S seeds, K clusters, M sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """The lower and upper end of the interval of each pooled score.

    Args:
        predictions: predictions of the folds and of the selection rule that count.
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
    found = statistic(_draw(_by_cluster(predictions, cluster, sums), config))
    ends = {name: _ends(score_RS) for name, score_RS in found.items()}
    return {**ends, "draws": config.interval_draws, **drawn}


def _by_cluster(predictions: pd.DataFrame, cluster: pd.Series, sums: Sums) -> Float64:
    """The sums of each seed and cluster, (S, K, M...)."""
    groups: Mapping[Any, pd.DataFrame] = dict(iter(predictions.groupby(["seed", cluster])))
    seeds, clusters = (sorted({key[i] for key in groups}) for i in (0, 1))
    return np.array([[sums(groups[seed, one]) for one in clusters] for seed in seeds], np.float64)


def _draw(sums_SKM: Float64, config: EvaluateConfig) -> Float64:
    """The sums of each draw and seed, (R, S, M...)."""
    clusters = sums_SKM.shape[1]
    generator = np.random.default_rng(config.interval_seed)
    times_RK = generator.multinomial(
        clusters, np.full(clusters, 1 / clusters), size=config.interval_draws
    )
    drawn_RSM: Float64 = np.tensordot(times_RK.astype(np.float64), sums_SKM, axes=(1, 1))
    return drawn_RSM


def _ends(score_RS: Float64) -> dict[str, float]:
    score_R = score_RS.mean(axis=1)
    return {name: float(np.quantile(score_R, share)) for name, share in QUANTILES.items()}
