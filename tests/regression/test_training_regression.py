"""What must not change unnoticed: it would change every result, or break readers of old ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import Fold, make_folds
from mfsn.runs.unit import Unit
from mfsn.training.data.labels import training_labels


def corpus() -> pd.DataFrame:
    records = [
        (f"{speaker}{emotion}{take}", f"{speaker}{emotion}{take}", speaker, emotion)
        for speaker in "abcde"
        for emotion in ("calm", "loud")
        for take in range(1 + "abcde".index(speaker))
    ]
    columns = ["utterance_id", "audio_sha256", "speaker", "emotion"]
    return pd.DataFrame(records, columns=columns).assign(session=None, split=None, soft_label=None)


def test_the_seeds_of_a_unit() -> None:
    unit = Unit(Fold("Ses01", ("x", "y", "z"), (), (), True), 3, "run", Path(), "done")
    assert unit.random_seed("network") == 5440679770992034778
    labels = training_labels(unit, {"x": 0, "y": 1, "z": 2}, shuffle=True)
    assert labels == {"x": 2, "y": 1, "z": 0}


def test_the_groups_of_grouped_folds() -> None:
    config = ProtocolConfig(name="grouped_k_fold", folds=3, seed=1)
    folds = make_folds(corpus(), config, Path())
    assert ["".join(sorted({name[0] for name in fold.test})) for fold in folds] == ["e", "ad", "bc"]


def test_the_first_stratified_fold() -> None:
    config = ProtocolConfig(name="stratified_k_fold", folds=5, seed=1)
    fold = make_folds(corpus(), config, Path())[0]
    assert fold.test == ("ccalm0", "cloud1", "dcalm0", "dcalm2", "dloud0", "eloud2")
