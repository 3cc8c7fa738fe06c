"""Protocols: how a corpus is divided into folds.

Each fold's development set is the test part of the fold after it (the first after the last), so
that development speakers are new wherever test speakers are, and every utterance is development
data exactly once. A protocol may name development data of its own, and what is left trains; or it
names all splits.
Utterances that the raters did not agree on (with a soft label) train, and are never scored.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mfsn import plugins
from mfsn.errors import ProtocolError
from mfsn.manifest import scored
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Divide, Division
from mfsn.protocols.fold import Fold, check_fold, describe

__all__ = ["Fold", "describe", "make_folds"]


def make_folds(manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> list[Fold]:
    """Divide a corpus as a protocol says, and check every fold.

    Args:
        manifest: the utterances (`mfsn.manifest.UTTERANCES`), labels already merged and chosen.
        config: the protocol.
        workspace: where a fold file's relative path starts.

    Raises:
        ProtocolError: if the corpus lacks the speakers, sessions or splits that the protocol
            needs, has too few of them or too few utterances of a class; if a fold file is
            missing or names what the corpus does not have; or if a fold is refused by
            `mfsn.protocols.fold.check_fold`.
        ConfigError: if a fold file has unknown or wrong entries.
    """
    if manifest.empty:
        raise ProtocolError("the corpus has no utterances; look at excluded.json of `prepare`")
    divide: Divide = plugins.load("protocols", config.name)
    folds = _folds_of(divide(manifest, config, workspace), manifest)
    for fold in folds:
        check_fold(fold, manifest)
    return folds


def _folds_of(division: Division, manifest: pd.DataFrame) -> list[Fold]:
    names = list(division.tests)
    if len(names) < 3 and not set(names) <= set(division.dev):
        raise ProtocolError(
            f"{len(names)} folds ({', '.join(names)}) are too few: one tests, the next is for "
            "development and a third must train; make three or more, or name development data"
        )
    everything = set(manifest["utterance_id"])
    labelled = set(scored(manifest)["utterance_id"])
    folds = []
    for name, following in zip(names, names[1:] + names[:1], strict=True):
        test = division.tests[name]
        dev = division.dev.get(name, division.tests[following])
        train = division.train.get(name, everything - test - dev)
        train_ids, dev_ids, test_ids = (
            tuple(manifest.loc[manifest["utterance_id"].isin(ids), "utterance_id"])
            for ids in (train, dev & labelled, test & labelled)
        )
        folds.append(Fold(name, train_ids, dev_ids, test_ids, division.speaker_independent))
    return folds
