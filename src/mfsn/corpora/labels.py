"""From the emotions of a corpus to the classes of an experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from mfsn.corpora.base import Utterance
from mfsn.corpora.config import LabelsConfig


def select_classes(
    utterances: Sequence[Utterance], labels: LabelsConfig
) -> tuple[list[Utterance], dict[str, int]]:
    """Rename emotions by `labels.merge`, then keep those that are in `labels.classes`.

    Returns:
        The utterances that are kept, and for each other emotion its number of utterances.
    """
    renamed = [replace(u, emotion=labels.merge.get(u.emotion, u.emotion)) for u in utterances]
    kept = [utterance for utterance in renamed if utterance.emotion in labels.classes]
    others = Counter(u.emotion for u in renamed if u.emotion not in labels.classes)
    return kept, dict(sorted(others.items()))


def label_problems(
    utterances: Sequence[Utterance], labels: LabelsConfig, known: Collection[str]
) -> list[str]:
    """What is wrong with the classes and renamings asked for; nothing when all is well.

    Args:
        utterances: all utterances that can be used.
        labels: what is asked for.
        known: emotions that the corpus can hold, whether or not an utterance does.
    """
    emotions = sorted({u.emotion for u in utterances} | set(known))
    present = {u.emotion for u in select_classes(utterances, labels)[0]}
    problems = [
        f"labels.merge renames {name}, an emotion that this corpus does not have"
        for name in sorted(set(labels.merge) - set(emotions))
    ] + [
        f"labels.classes asks for {name}, which no utterance has"
        for name in labels.classes
        if name not in present
    ]
    return [f"{problem}; the corpus has {', '.join(emotions)}" for problem in problems]
