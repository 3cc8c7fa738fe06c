"""Groups of speakers of about the same size."""

from __future__ import annotations

import random

import pandas as pd


def speaker_groups(manifest: pd.DataFrame, count: int, seed: int) -> list[set[str]]:
    """Divide the utterances into groups, so that all utterances of a speaker are in one group.

    The speaker with the most utterances comes first, and each speaker goes to the group that is the
    smallest at this moment.

    Args:
        manifest: utterances whose speakers are all known.
        count: number of groups, at most the number of speakers.
        seed: decides the order of speakers with equally many utterances.

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
