"""Scores of protocols that name pairs of corpora: each training corpus with each test corpus.

Its folds test an utterance several times: once per training corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mfsn.evaluation.classes import summarise
from mfsn.evaluation.config import EvaluateConfig
from mfsn.protocols.fold import Pair


def summarise_pairs(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: Sequence[str],
    rule: str,
    decision: EvaluateConfig,
    *,
    pairs: Mapping[str, Pair],
) -> dict[str, Any]:
    """What scores.json contains: `mfsn.evaluation.classes.summarise` of pairs of different corpora.

    Scores within one corpus would make the means look better, so they are only in `matrix`. It has
    one entry per ordered pair of corpora, with `train`, `test`, `ua`, `wa`, `macro_f1` (means over
    seeds) and `utterances`. `pairs` has the two corpora of each fold; for other arguments and
    errors see `summarise`.
    """
    within = [name for name, (train, test) in pairs.items() if train == test]
    every = summarise(predictions, manifest, classes, rule, decision)["folds"]
    across = predictions[~predictions["fold"].isin(within)]
    matrix = [{"train": a, "test": b, **every[name]} for name, (a, b) in pairs.items()]
    return summarise(across, manifest, classes, rule, decision) | {"matrix": matrix}
