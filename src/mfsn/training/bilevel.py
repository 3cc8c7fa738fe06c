"""Bilevel search: which training utterances train the weights, and which train alpha."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping

from mfsn.corpora.config import LabelsConfig
from mfsn.errors import TrainingError
from mfsn.runs.unit import Unit
from mfsn.training.data.labels import Label, main_class


def split_for_alpha(
    unit: Unit, speakers: Mapping[str, str], share: float
) -> tuple[list[str], list[str]]:
    """Divide the training utterances into those that train weights and those that train alpha.

    Whole speakers are divided if the fold is speaker-independent, else single utterances.
    Development data are never among them.

    Args:
        unit: its fold's training utterances, and its seed.
        speakers: speaker by utterance id.
        share: how much of the speakers or utterances trains alpha; each side gets at least one.

    Raises:
        TrainingError: if there is only one to divide.
    """
    by_speaker = unit.fold.speaker_independent
    owner = {name: speakers[name] if by_speaker else name for name in unit.fold.train}
    groups = sorted(set(owner.values()))
    if len(groups) < 2:
        raise TrainingError(
            f"{unit.fold.title}: bilevel search needs two training speakers or more to keep "
            "some for alpha; use search.mode: joint"
        )
    random.Random(unit.random_seed("alpha")).shuffle(groups)
    chosen = set(groups[: min(max(round(share * len(groups)), 1), len(groups) - 1)])
    weights = [name for name in unit.fold.train if owner[name] not in chosen]
    return weights, [name for name in unit.fold.train if owner[name] in chosen]


def require_every_class(
    unit: Unit, half: str, labels: Collection[Label], config: LabelsConfig
) -> None:
    """Refuse a half of the training data that lacks a class. With dimensions, nothing is refused.

    Args:
        unit: fold and seed, for the message.
        half: what this half trains, for the message.
        labels: of its utterances; a soft label counts for the class with the largest share.
        config: names the classes.

    Raises:
        TrainingError: if a class has no utterance in it.
    """
    present = {main_class(label) for label in labels}
    missing = [name for index, name in enumerate(config.classes) if index not in present]
    if missing and not config.rated:
        raise TrainingError(
            f"{unit.label}: the training data that bilevel search keeps for {half} holds no "
            f"utterance of {', '.join(missing)}; change search.alpha_share or the seed, or use "
            "search.mode: joint"
        )
