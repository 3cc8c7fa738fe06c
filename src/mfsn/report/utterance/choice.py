"""Which utterances to show: named ones, a random sample, or the most confident mistakes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pandas as pd

from mfsn.errors import PredictionError
from mfsn.report.utterance.source import Source

PAGE_LIMIT = 500
"""The most utterances on a page, unless more are named; this makes about 20 MB."""


def named(source: Source, ids: Sequence[str]) -> list[str]:
    """The utterances with these ids, without duplicates.

    Raises:
        ManifestError: if an id is unknown; the message names similar ids.
    """
    return [str(source.facts_of(name)["utterance_id"]) for name in dict.fromkeys(ids)]


def sample(manifest: pd.DataFrame, per_class: int, seed: int) -> list[str]:
    """A random sample per class, in the order of the manifest.

    The sample of a class does not depend on which other classes there are.

    Args:
        manifest: the utterances of the corpus.
        per_class: how many utterances per class; a class that has fewer is taken as a whole.
        seed: another seed gives another sample.
    """
    chosen: set[str] = set()
    for emotion, rows in manifest.groupby("emotion"):
        ids = sorted(rows["utterance_id"])
        chosen.update(random.Random(f"{seed} {emotion}").sample(ids, min(per_class, len(ids))))
    return [name for name in manifest["utterance_id"] if name in chosen]


def most_wrong(source: Source, count: int) -> list[str]:
    """The utterances with the most confident wrong decisions, the largest posterior first.

    Args:
        source: the tables and features of the experiment.
        count: how many at most.

    Raises:
        PredictionError: if nothing is predicted yet, every decision is right, or the experiment
            predicts dimensions, whose values are neither right nor wrong.
    """
    if source.dimensions:
        raise PredictionError(
            f"experiment {source.outputs.experiment} predicts {', '.join(source.dimensions)}, "
            "which are neither right nor wrong; see the largest errors in its report, or use "
            "--sample"
        )
    ids = source.predictions["utterance_id"].unique()
    if not len(ids):
        raise PredictionError(
            f"experiment {source.outputs.experiment} has no predictions yet; run `dvc repro`, or "
            "use --sample"
        )
    decided = {name: source.decision_of(name) for name in ids}
    wrong = {name: d.confidence for name, d in decided.items() if d and not d.is_right}
    if not wrong:
        raise PredictionError(f"all {len(ids)} decisions are right; use --sample to see some")
    return sorted(wrong, key=lambda name: (-wrong[name], name))[:count]


def for_page(source: Source) -> list[str]:
    """All utterances, or for a large corpus a sample with the same number per class."""
    manifest = source.manifest
    if len(manifest) <= PAGE_LIMIT:
        return list(manifest["utterance_id"])
    return sample(manifest, max(1, PAGE_LIMIT // manifest["emotion"].nunique()), seed=0)
