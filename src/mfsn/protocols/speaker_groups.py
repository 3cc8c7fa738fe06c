"""Groups of speakers of about the same size."""

from __future__ import annotations

import random

import pandas as pd


def speaker_groups(manifest: pd.DataFrame, count: int, seed: int) -> list[set[str]]:
    """Part the utterances by speaker: largest speaker first, each into the smallest group.

    Args:
        manifest: utterances, all of known speakers.
        count: how many groups; at most the number of speakers.
        seed: breaks ties.

    Returns:
        The utterance ids of each group.
    """
    utterances = manifest.groupby("speaker")["utterance_id"].apply(set)
    speakers = sorted(utterances.index)
    random.Random(seed).shuffle(speakers)
    groups: list[set[str]] = [set() for _ in range(count)]
    for speaker in sorted(speakers, key=lambda s: -len(utterances[s])):
        min(groups, key=len).update(utterances[speaker])
    return groups
