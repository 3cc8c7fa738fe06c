"""What the trained models decided about an utterance, and which models these were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mfsn.base.arrays import Float64
from mfsn.evaluation.predictions import LOG_POSTERIOR, POSTERIOR
from mfsn.protocols.fold import fold_title


@dataclass(frozen=True)
class Vote:
    """The decision of one model."""

    fold: str
    """The fold that tests the utterance: its model was neither trained nor scaled with it."""
    seed: int
    predicted: str
    posterior_C: Float64


@dataclass(frozen=True)
class Decision:
    """The decisions of all seeds under one selection rule."""

    label: str
    rule: str
    classes: list[str]
    votes: list[Vote]
    """At least one, in the order of the seeds."""

    @property
    def posterior(self) -> Float64:
        """Mean over seeds, (C,)."""
        mean_C: Float64 = np.mean([vote.posterior_C for vote in self.votes], axis=0)
        return mean_C

    @property
    def predicted(self) -> str:
        """The class that all seeds predict, else the one with the largest mean posterior."""
        agreed = {vote.predicted for vote in self.votes}
        return agreed.pop() if len(agreed) == 1 else self.classes[int(self.posterior.argmax())]

    @property
    def is_right(self) -> bool:
        """Whether the decision equals the label."""
        return self.predicted == self.label

    @property
    def confidence(self) -> float:
        """Mean posterior of the predicted class."""
        return float(self.posterior[self.classes.index(self.predicted)])

    def __str__(self) -> str:
        return f"predicted {self.predicted} ({self.confidence:.2f})"

    @property
    def origin(self) -> str:
        """Which models decided, such as `out-of-fold: fold 1, seed 0`."""
        votes = self.votes
        return origin_of([vote.fold for vote in votes], [vote.seed for vote in votes], self.rule)


def origin_of(folds: Sequence[str], seeds: Sequence[int], rule: str) -> str:
    """Which models predicted, such as `out-of-fold: fold 1, seed 0`.

    Args:
        folds: the folds of the models.
        seeds: the seeds of the models.
        rule: the selection rule that chose their epoch.
    """
    titles = ", ".join(sorted({fold_title(fold) for fold in folds}))
    listed = ", ".join(map(str, sorted(set(seeds))))
    origin = f"out-of-fold: {titles}, seed{'s' if len(set(seeds)) > 1 else ''} {listed}"
    return f"{origin}; epoch chosen on that test fold" if rule == "oracle_test" else origin


def decision_of(rows: pd.DataFrame, classes: list[str]) -> Decision | None:
    """The decision in an utterance's rows of the prediction table; None if there are no rows.

    Args:
        rows: the rows of one utterance and one selection rule
            (`mfsn.manifest.predictions_schema(classes)`).
        classes: class names in the order of the class indices.
    """
    if rows.empty:
        return None
    ordered = rows.sort_values("seed")
    posteriors = ordered[[POSTERIOR + name for name in classes]].to_numpy()
    keys = zip(ordered["fold"], ordered["seed"], ordered["predicted"], strict=True)
    votes = [
        Vote(str(fold), int(seed), str(predicted), posterior_C)
        for (fold, seed, predicted), posterior_C in zip(keys, posteriors, strict=True)
    ]
    return Decision(str(rows["label"].iloc[0]), str(rows["selection"].iloc[0]), classes, votes)


def mean_by_segment(rows: pd.DataFrame, classes: list[str]) -> Float64:
    """The posteriors of an utterance's segments, (S, classes), as the mean over seeds.

    Args:
        rows: the rows of one utterance and one selection rule
            (`mfsn.manifest.segment_predictions_schema(classes)`). Without rows, S is 0.
        classes: class names in the order of the class indices.
    """
    columns = [LOG_POSTERIOR + name for name in classes]
    return mean_over_models(rows, np.exp(rows[columns].to_numpy(dtype=np.float64)))


def mean_over_models(rows: pd.DataFrame, values_NK: Float64) -> Float64:
    """The mean of each segment's values over the models that tested it, (S, K).

    Args:
        rows: the rows of one utterance, with the column `segment_id`.
        values_NK: one row of values for each of them.
    """
    if rows.empty:
        return values_NK
    # Segment ids end in a number, which is sorted as a number: #10 follows #9.
    number = rows["segment_id"].str.rpartition("#")[2].str.zfill(9).to_numpy()
    return np.stack([values_NK[number == n].mean(axis=0) for n in sorted(set(number))])
