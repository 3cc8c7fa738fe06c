"""Scores of the protocol cross_corpus: each training corpus with each test corpus.

Its folds test an utterance several times: once per training corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pandas as pd

from mfsn.errors import PredictionError
from mfsn.evaluation.classes import summarise
from mfsn.evaluation.config import EvaluateConfig
from mfsn.protocols.fold import Fold, some
from mfsn.protocols.joined import corpora_of, pair_name


def check_folds(predictions: pd.DataFrame, manifest: pd.DataFrame, folds: Sequence[Fold]) -> None:
    """Check that every fold tests its own test utterances once per seed and selection rule.

    The labels must be those of the manifest.

    Args:
        predictions: the utterance predictions of all folds, seeds and selection rules.
        manifest: the utterances.
        folds: what should have been tested.

    Raises:
        PredictionError: if a fold tests utterances that are not in its test set, tests one twice
            or leaves one out, or if a label differs from the manifest.
    """
    labels = manifest.set_index("utterance_id")["emotion"]
    expected = {fold.name: sorted(fold.test) for fold in folds}
    for (rule, seed), run in predictions.groupby(["selection", "seed"]):
        tested = {str(name): sorted(ids) for name, ids in run.groupby("fold")["utterance_id"]}
        wrong = {name for name in {*expected, *tested} if expected.get(name) != tested.get(name)}
        _refuse(wrong, f"have other test utterances than their corpora (seed {seed}, {rule})")
    differing = labels.loc[predictions["utterance_id"]].array != predictions["label"].array
    _refuse(set(predictions["fold"][differing]), "have other labels than the manifest")


def summarise_pairs(
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    classes: Sequence[str],
    rule: str,
    decision: EvaluateConfig,
) -> dict[str, Any]:
    """What scores.json contains: `mfsn.evaluation.classes.summarise` of pairs of different corpora.

    Scores within one corpus would make the means look better, so they are only in `matrix`. It has
    one entry per ordered pair of corpora, with `train`, `test`, `ua`, `wa`, `macro_f1` (means over
    seeds) and `utterances`. For arguments and errors see `summarise`.
    """
    corpora = corpora_of(manifest)
    within = predictions["fold"].isin([pair_name(name, name) for name in corpora])
    every = summarise(predictions, manifest, classes, rule, decision)["folds"]
    crossing = summarise(predictions[~within], manifest, classes, rule, decision)
    return crossing | {"matrix": _matrix(corpora, every)}


def _matrix(corpora: Sequence[str], folds: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"train": train, "test": test, **folds[pair_name(train, test)]}
        for train, test in product(corpora, repeat=2)
    ]


def _refuse(folds: set[str], what: str) -> None:
    if folds:
        raise PredictionError(
            f"the predictions do not fit the folds: {some(folds)} {what}; run `dvc repro` so that "
            "training and manifest agree"
        )
