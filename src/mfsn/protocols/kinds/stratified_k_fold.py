"""Divide the utterances into k groups with equal shares of each class."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.manifest import sounds
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division, numbered


def stratified_k_fold(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """Make folds that are not speaker-independent: a speaker may be in several of them.

    Utterances with the same audio go to the same fold; the first of them decides the class.

    Raises:
        ProtocolError: if a class has fewer different clips than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    sound = sounds(manifest)
    distinct = manifest[~sound.duplicated()]
    counts = distinct["emotion"].value_counts()
    if counts.min() < config.folds:
        raise ProtocolError(
            f"{config.name}: class {counts.idxmin()} has {counts.min()} different clips, fewer "
            f"than the {config.folds} folds; lower protocol.folds, or leave the class out of "
            "labels.classes"
        )
    splitter = StratifiedKFold(config.folds, shuffle=True, random_state=config.seed)
    parts = [
        set(manifest.loc[sound.isin(sound[distinct.index[test]]), "utterance_id"])
        for _, test in splitter.split(distinct, distinct["emotion"])
    ]
    return Division(numbered(parts), speaker_independent=False)
