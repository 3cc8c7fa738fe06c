"""From the emotions of a corpus to the classes of an experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mfsn.corpora.base import Utterance
from mfsn.corpora.config import LabelsConfig

UNLABELLED = "unlabelled"
"""The emotion of an utterance whose raters did not agree."""


def select_classes(
    utterances: Sequence[Utterance], labels: LabelsConfig
) -> tuple[list[Utterance], dict[str, int]]:
    """Rename emotions by `labels.merge`, then keep those that are in `labels.classes`.

    An utterance with a soft label gets the class with the largest share. If several classes have
    the same share, it gets the first of them in `labels.classes`. Shares of other emotions are left
    out, and the remaining shares are scaled so that they add up to 1 again.

    Returns:
        The utterances that are kept, and the number of utterances of each emotion that is not.
    """
    renamed = [_rename(utterance, labels) for utterance in utterances]
    kept = [utterance for utterance in renamed if utterance.emotion in labels.classes]
    others = Counter(u.emotion for u in renamed if u.emotion not in labels.classes)
    return kept, dict(sorted(others.items()))


def select_rated(
    utterances: Sequence[Utterance], labels: LabelsConfig
) -> tuple[list[Utterance], list[str]]:
    """Keep the utterances that have a rating for every dimension that is to be predicted.

    Returns:
        The utterances that are kept, and the sorted ids of the others.
    """
    rated = [u for u in utterances if None not in {getattr(u, name) for name in labels.rated}]
    kept = {u.utterance_id for u in rated}
    return rated, sorted(u.utterance_id for u in utterances if u.utterance_id not in kept)


def rating_problems(
    utterances: Sequence[Utterance], rated: Sequence[Utterance], labels: LabelsConfig
) -> list[str]:
    """Say in one sentence which classes have no utterance with the ratings to be predicted.

    Args:
        utterances: all utterances of the classes.
        rated: the utterances that `select_rated` keeps.
        labels: what is asked for.

    Returns:
        The sentence, or nothing if there is no such class.
    """
    without = sorted({u.emotion for u in utterances} - {u.emotion for u in rated})
    said = (
        f"labels.target is dimensions, and no utterance of {', '.join(without)} has "
        f"{' and '.join(labels.rated)}; set it to classes, or choose other labels.dimensions or "
        "labels.classes"
    )
    return [said] if without else []


def soften(
    utterances: Sequence[Utterance], votes: Mapping[str, Mapping[str, float]]
) -> list[Utterance]:
    """Give each utterance without a label the shares of its raters' votes as a soft label.

    Args:
        utterances: all utterances of a corpus.
        votes: utterance id to the share of each emotion.
    """
    return [
        replace(u, soft_label=votes.get(u.utterance_id)) if u.emotion == UNLABELLED else u
        for u in utterances
    ]


def label_problems(
    utterances: Sequence[Utterance], labels: LabelsConfig, known: Collection[str]
) -> list[str]:
    """Say what is wrong with the classes and the renamings that are asked for.

    Args:
        utterances: all utterances that can be used.
        labels: what is asked for.
        known: emotions that the corpus can contain, even if no utterance has them.

    Returns:
        One sentence per problem.
    """
    emotions = sorted({u.emotion for u in utterances} | set(known))
    present = {u.emotion for u in select_classes(utterances, labels)[0]}
    return [
        *unknown_renamed(emotions, labels),
        *(
            f"labels.classes asks for {name}, which no utterance has; the corpus has "
            f"{', '.join(emotions)}"
            for name in labels.classes
            if name not in present
        ),
    ]


def unknown_renamed(emotions: Collection[str], labels: LabelsConfig) -> list[str]:
    """Say in one sentence per emotion which emotions are renamed although no utterance has them.

    Args:
        emotions: the emotions that utterances can have.
        labels: what is renamed.
    """
    return [
        f"labels.merge renames {name}, an emotion that this corpus does not have; the corpus has "
        f"{', '.join(sorted(emotions))}"
        for name in sorted(set(labels.merge) - set(emotions))
    ]


def _rename(utterance: Utterance, labels: LabelsConfig) -> Utterance:
    if utterance.soft_label is None:
        emotion = labels.merge.get(utterance.emotion, utterance.emotion)
        return replace(utterance, emotion=emotion)
    shares = dict.fromkeys(labels.classes, 0.0)
    for emotion, share in utterance.soft_label.items():
        name = labels.merge.get(emotion, emotion)
        if name in shares:
            shares[name] += share
    total = sum(shares.values())
    if not total:
        return replace(utterance, soft_label=None)
    soft_label = {name: share / total for name, share in shares.items() if share}
    return replace(utterance, emotion=max(shares, key=shares.__getitem__), soft_label=soft_label)
