"""The cached rows of a corpus, and the utterances of a fold as indices into them.

Shapes: N segments, U utterances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mfsn.models.inputs import InputShapes
from mfsn.training.data.labels import Label
from mfsn.training.data.rows import Rows


@dataclass(frozen=True)
class Part:
    """Some utterances: their segments as indices into `Rows`, and their labels."""

    rows_N: Tensor
    """Indices of the segments, ascending."""
    utterance_N: Tensor
    """Each segment's utterance, as an index into `labels_U`."""
    labels_U: Tensor
    """Class index of each utterance, [U]; with soft labels among them the share of each class,
    [U, C]; or the value of each dimension, [U, D]."""

    @cached_property
    def segment_labels(self) -> Tensor:
        """Label of each segment: that of its utterance."""
        return self.labels_U[self.utterance_N]


@dataclass(frozen=True)
class TrainingData:
    """The rows of a whole corpus; each fold uses its own."""

    rows: Rows
    """Rows of extractors with rows per fold are added by `of_fold`."""
    segments: pd.DataFrame
    """The segment table, in the order of the rows."""
    labels: Mapping[str, Label]
    """By utterance id."""
    shapes: InputShapes
    device: str
    fold_rows: Callable[[str], Rows] | None = None
    """Gives all rows for the fold of this name; None if no extractor has rows per fold."""

    def of_fold(self, name: str) -> TrainingData:
        """The data for the units of a fold; only extractors with rows per fold are read again.

        Raises:
            CacheError: if an extractor has no rows for this fold, or a row is missing or damaged.
        """
        return self if self.fold_rows is None else replace(self, rows=self.fold_rows(name))

    def part(self, ids: Sequence[str], labels: Mapping[str, Label] | None = None) -> Part:
        """The segments of utterances.

        Args:
            ids: utterance ids.
            labels: labels that replace those of the corpus, by utterance id.
        """
        positions = {name: index for index, name in enumerate(ids)}
        own = self.segments["utterance_id"].map(positions)
        rows = np.flatnonzero(own.notna())
        own_labels = [(labels or self.labels)[name] for name in ids]
        return Part(
            torch.from_numpy(rows).to(self.device),
            torch.from_numpy(own.to_numpy()[rows].astype(np.int64)).to(self.device),
            as_tensor(own_labels).to(self.device),
        )


def as_tensor(labels: Sequence[Label]) -> Tensor:
    """Labels of utterances: whole numbers [U] of classes, or float32 [U, C] or [U, D].

    Args:
        labels: if one label of classes is soft, the others become shares of 1 and 0.
    """
    widths = {len(label) for label in labels if isinstance(label, tuple)}
    if not widths:
        return torch.tensor(labels, dtype=torch.int64)
    (width,) = widths
    return torch.tensor([_as_shares(label, width) for label in labels])


def _as_shares(label: Label, width: int) -> tuple[float, ...]:
    if isinstance(label, tuple):
        return label
    return tuple(float(index == label) for index in range(width))
