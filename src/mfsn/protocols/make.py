"""Make the folds of a corpus as a protocol divides it.

By default, the development data of a fold are the test data of the next fold (for the last fold,
those of the first), and all other utterances train. Then development speakers are new to the model
if test speakers are, and every utterance is development data exactly once. A protocol may also
decide the development data, or all splits.
Utterances with a soft label, whose raters did not agree, train; they are never scored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mfsn import plugins
from mfsn.base.quantities import counted
from mfsn.errors import ConfigError, ProtocolError
from mfsn.manifest import completed, scored
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Divide, Division
from mfsn.protocols.fold import Fold, check_fold, describe, some

__all__ = ["Fold", "describe", "make_folds"]


def make_folds(
    manifest: pd.DataFrame,
    protocol: str | ProtocolConfig,
    workspace: Path | None = None,
    **parameters: Any,
) -> list[Fold]:
    """Divide a corpus by a protocol, and check every fold.

    Args:
        manifest: one row per utterance, as `mfsn.load_manifest` gives it; the labels are already
            merged and chosen. It needs the columns `utterance_id` and `emotion`, and `speaker`,
            `session` or `split` where the protocol reads them. Without `audio_sha256`, no two
            utterances count as the same audio; without `soft_label`, all utterances are scored.
        protocol: its name, such as `leave_one_speaker_out`, or the protocol with its parameters.
        workspace: the folder that a fold file's relative path starts from; by default the current
            folder.
        **parameters: parameters of the protocol, such as `folds`, `seed` or `file`; see
            `mfsn.protocols.config.ProtocolConfig`.

    Returns:
        The folds. Each has a `name`, and the utterance ids of `train`, `dev` and `test` as tuples,
        in the order of the manifest.

    Raises:
        ProtocolError: if the corpus lacks speakers, sessions or splits that the protocol needs, or
            has too few of them, or too few utterances of a class; if a fold file is missing, or
            names something that the corpus does not have; if the protocol names unknown utterances;
            or as `mfsn.protocols.fold.check_fold`.
        ConfigError: if there is no such protocol or parameter; if a fold file has unknown or wrong
            entries; if the protocol's plug-in cannot be imported, or its result is not a
            `Division`.
        ManifestError: if an utterance has no id or emotion, or an id is there twice.

    Example:
        >>> folds = mfsn.make_folds(manifest, "grouped_k_fold", folds=5)  # doctest: +SKIP
        >>> folds[0].test[:2]  # doctest: +SKIP
        ('v01-angry-angry-long-3', 'v01-angry-angry-medium-2')
    """
    config, manifest = _parsed(protocol, parameters), completed(manifest)
    if manifest.empty:
        raise ProtocolError(
            "the corpus has no utterances; excluded.json, which `prepare` wrote, says why"
        )
    divide: Divide = plugins.load("protocols", config.name)
    division = divide(manifest, config, workspace or Path())
    _refuse_unusable(division, manifest, config.name)
    folds = _folds_of(division, manifest)
    for fold in folds:
        check_fold(fold, manifest)
    return folds


def try_folds(manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> str:
    """Make the folds of a corpus that is not prepared yet, and describe them in a few words.

    Raises:
        MfsnError: as `make_folds`.
    """
    folds = make_folds(manifest, config, workspace)
    return f"{config.name}, {counted(len(folds), 'fold')}"


def _parsed(protocol: str | ProtocolConfig, parameters: dict[str, Any]) -> ProtocolConfig:
    values = {"name": protocol} if isinstance(protocol, str) else protocol.model_dump()
    return ProtocolConfig.parse({**values, **parameters}, where="protocol")


def _refuse_unusable(division: object, manifest: pd.DataFrame, name: str) -> None:
    if not isinstance(division, Division):
        origin = plugins.origin("protocols", name).get("distribution", "mfsn")
        raise ConfigError(
            f"protocol {name} of the distribution {origin} returns no Division of "
            f"mfsn.protocols.division, but {type(division).__name__}; correct it there"
        )
    parts = (division.tests, division.dev, division.train)
    named = {name for part in parts for ids in part.values() for name in ids}
    unknown = named - set(manifest["utterance_id"])
    if unknown:
        raise ProtocolError(
            f"protocol {name} names utterances that the corpus does not have ({some(unknown)}); "
            "choose another protocol, or correct this one"
        )


def _folds_of(division: Division, manifest: pd.DataFrame) -> list[Fold]:
    names = list(division.tests)
    if len(names) < 3 and not set(names) <= set(division.dev):
        raise ProtocolError(
            f"{len(names)} folds ({', '.join(names)}) are too few: one is for test, the next for "
            "development, and a third has to train; choose a protocol that makes three or more, or "
            "name development data in a fold file"
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
        independent, pair = division.speaker_independent, division.pairs.get(name)
        folds.append(Fold(name, train_ids, dev_ids, test_ids, independent, pair))
    return folds
