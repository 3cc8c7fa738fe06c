"""Which utterances to look into: named ones, a random sample, or the worst mistakes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pandas as pd

from mfsn.errors import PredictionError
from mfsn.report.utterance.source import Source

PAGE_LIMIT = 500
"""Utterances of a page unless more are asked for: about 20 MB."""


def named(source: Source, ids: Sequence[str]) -> list[str]:
    """The utterances of these ids, each once.

    Raises:
        ManifestError: if one is unknown; close ones are named.
    """
    return [str(source.facts_of(name)["utterance_id"]) for name in dict.fromkeys(ids)]


def sample(manifest: pd.DataFrame, per_class: int, seed: int) -> list[str]:
    """A random sample of each class, in the order of the manifest.

    The sample of a class does not depend on what other classes there are.

    Args:
        manifest: utterances of the corpus.
        per_class: how many of each class; all of a class that has fewer.
        seed: another seed gives another sample.
    """
    chosen: set[str] = set()
    for emotion, rows in manifest.groupby("emotion"):
        ids = sorted(rows["utterance_id"])
        chosen.update(random.Random(f"{seed} {emotion}").sample(ids, min(per_class, len(ids))))
    return [name for name in manifest["utterance_id"] if name in chosen]


def most_wrong(source: Source, count: int) -> list[str]:
    """The wrong decisions with the largest posteriors, the most confident first.

    Args:
        source: of the corpus and experiment.
        count: how many at most.

    Raises:
        PredictionError: if nothing is predicted yet, every decision is right, or the experiment
            predicts dimensions, whose values are neither right nor wrong.
    """
    if source.dimensions:
        raise PredictionError(
            f"experiment {source.outputs.experiment} predicts {', '.join(source.dimensions)}, "
            "which are neither right nor wrong; its report lists the largest errors, and --sample "
            "chooses others"
        )
    ids = source.predictions["utterance_id"].unique()
    if not len(ids):
        raise PredictionError(
            f"experiment {source.outputs.experiment} has no predictions yet, so none are wrong; "
            "run `dvc repro`, or use --sample"
        )
    decided = {name: source.decision_of(name) for name in ids}
    wrong = {name: d.confidence for name, d in decided.items() if d and not d.is_right}
    if not wrong:
        raise PredictionError(f"all {len(ids)} decisions are right; look at some with --sample")
    return sorted(wrong, key=lambda name: (-wrong[name], name))[:count]


def for_page(source: Source) -> list[str]:
    """All utterances, or of a large corpus a sample with as many of each class."""
    manifest = source.manifest
    if len(manifest) <= PAGE_LIMIT:
        return list(manifest["utterance_id"])
    return sample(manifest, max(1, PAGE_LIMIT // manifest["emotion"].nunique()), seed=0)
