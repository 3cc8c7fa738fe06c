"""The labels of utterances as numbers: a class, shares of classes, or values.

Shapes: U utterances, D dimensions.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

import pandas as pd

from mfsn.corpora.config import LabelsConfig
from mfsn.runs.unit import Unit

Label = int | tuple[float, ...]
"""The index of a class; the share of each class, if the raters did not agree; or the value of each
dimension."""

AnyLabel = TypeVar("AnyLabel", bound=Label)


def labels_of(manifest: pd.DataFrame, config: LabelsConfig) -> dict[str, Label]:
    """The label of every utterance, by its id.

    Values stay in the unit of the corpus. Utterances with a soft label have values like all others.

    Args:
        manifest: the utterances (`mfsn.manifest.UTTERANCES`).
        config: classes or dimensions, in the order of their numbers.
    """
    ids = manifest["utterance_id"].tolist()
    if config.rated:
        values_UD = manifest[config.rated].to_numpy(float).tolist()
        return {name: tuple(values) for name, values in zip(ids, values_UD, strict=True)}
    labels = zip(ids, manifest["emotion"], manifest["soft_label"], strict=True)
    return {name: _class_label(emotion, soft, config.classes) for name, emotion, soft in labels}


def training_labels(
    unit: Unit, labels: Mapping[str, AnyLabel], shuffle: bool
) -> dict[str, AnyLabel]:
    """The labels that a unit trains on, by utterance id.

    Args:
        unit: says which utterances train.
        labels: by utterance id, of any kind.
        shuffle: whether to permute them among the training utterances. This is a check: scores must
            fall to chance.
    """
    values = [labels[name] for name in unit.fold.train]
    if shuffle:
        random.Random(unit.random_seed("labels")).shuffle(values)
    return dict(zip(unit.fold.train, values, strict=True))


def main_class(label: Label) -> int:
    """The index of the class; for a soft label, of the class with the largest share."""
    return label if isinstance(label, int) else label.index(max(label))


def _class_label(emotion: str, soft: str | None, classes: Sequence[str]) -> Label:
    if not isinstance(soft, str):
        return classes.index(emotion)
    shares: Mapping[str, float] = json.loads(soft)
    return tuple(float(shares.get(name, 0.0)) for name in classes)
