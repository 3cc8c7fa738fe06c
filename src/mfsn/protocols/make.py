"""Protocols: how a corpus is divided into folds.

Each fold's development set is the test part of the fold after it (the first after the last), so
that development speakers are new wherever test speakers are, and every utterance is development
data exactly once. A fold file or an official split may name its own, and what is left trains;
cross_corpus names all parts of its folds (see `mfsn.protocols.cross_corpus`).
Utterances that the raters did not agree on (with a soft label) train, and are never scored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.manifest import scored
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.cross_corpus import cross_corpus_pairs
from mfsn.protocols.fold import SPLITS, Fold, check_fold, describe, require_known
from mfsn.protocols.fold_file import check_coverage, read_fold_file, utterances_of
from mfsn.protocols.speaker_groups import speaker_groups

__all__ = ["Fold", "describe", "make_folds"]

Parts = dict[str, set[str]]
"""Fold name to the utterance ids of one of its parts, in the order of the folds."""


@dataclass(frozen=True)
class _Division:
    """What a protocol decides: every fold's test part, and the other parts that it names."""

    tests: Parts
    dev: Parts = field(default_factory=dict)
    train: Parts = field(default_factory=dict)
    speaker_independent: bool = True


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
    if config.name == "folds_from_file":
        division = _folds_from_file(manifest, config, workspace)
    else:
        division = _PROTOCOLS[config.name](manifest, config)
    folds = _folds_of(division, manifest)
    for fold in folds:
        check_fold(fold, manifest)
    return folds


def _leave_one_session_out(manifest: pd.DataFrame, config: ProtocolConfig) -> _Division:
    return _Division(_one_part_a_value(manifest, "session", config.name))


def _leave_one_speaker_out(manifest: pd.DataFrame, config: ProtocolConfig) -> _Division:
    return _Division(_one_part_a_value(manifest, "speaker", config.name))


def _grouped_k_fold(manifest: pd.DataFrame, config: ProtocolConfig) -> _Division:
    """Largest speaker first, each into the smallest group; the seed breaks ties."""
    require_known(manifest, "speaker", config.name)
    speakers = manifest["speaker"].nunique()
    if speakers < config.folds:
        raise ProtocolError(
            f"{config.name}: {config.folds} folds need as many speakers, and the corpus has "
            f"{speakers}; set protocol.folds lower"
        )
    return _Division(_numbered(speaker_groups(manifest, config.folds, config.seed)))


def _stratified_k_fold(manifest: pd.DataFrame, config: ProtocolConfig) -> _Division:
    """Speaker-dependent. The same audio under two ids goes to one fold, with the first's label."""
    from sklearn.model_selection import StratifiedKFold

    distinct = manifest.drop_duplicates("audio_sha256")
    counts = distinct["emotion"].value_counts()
    if counts.min() < config.folds:
        raise ProtocolError(
            f"{config.name}: class {counts.idxmin()} has {counts.min()} different clips, fewer "
            f"than the {config.folds} folds; set protocol.folds lower or leave the class out"
        )
    splitter = StratifiedKFold(config.folds, shuffle=True, random_state=config.seed)
    parts = [
        set(manifest.loc[manifest["audio_sha256"].isin(distinct["audio_sha256"].iloc[test]),
                         "utterance_id"])
        for _, test in splitter.split(distinct, distinct["emotion"])
    ]  # fmt: skip
    return _Division(_numbered(parts), speaker_independent=False)


def _folds_from_file(manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> _Division:
    if config.file is None:
        raise ProtocolError("folds_from_file needs protocol.file, such as ravdess_emobox")
    file = read_fold_file(config.file, workspace)
    tests: Parts = {}
    dev: Parts = {}
    for number, entry in enumerate(file.folds, start=1):
        name = entry.name or f"fold{number}"
        where = f"{config.file}: {name}"
        if name in tests:
            raise ProtocolError(f"{where} is there twice; give every fold a name of its own")
        tests[name] = utterances_of(entry.test_speakers, entry.test, manifest, where)
        if entry.dev_speakers or entry.dev:
            dev[name] = utterances_of(entry.dev_speakers, entry.dev, manifest, where)
    if file.covers == "all":
        check_coverage(list(tests.values()), manifest, config.file)
    return _Division(tests, dev, speaker_independent=file.speaker_independent)


def _official_split(manifest: pd.DataFrame, config: ProtocolConfig) -> _Division:
    """One fold. Speaker-independent when every speaker is known and in one split only."""
    require_known(manifest, "split", config.name)
    ids = {split: set(part) for split, part in manifest.groupby("split")["utterance_id"]}
    if set(ids) != set(SPLITS):
        raise ProtocolError(
            f"{config.name} needs the splits train, dev and test, and the corpus has "
            f"{', '.join(sorted(map(str, ids)))}; name them in the corpus, or write a fold file"
        )
    speakers = manifest.drop_duplicates(["speaker", "split"])["speaker"]
    independent = bool(speakers.notna().all() and speakers.is_unique)
    return _Division(
        {"official": ids["test"]}, {"official": ids["dev"]}, speaker_independent=independent
    )


def _cross_corpus(manifest: pd.DataFrame, config: ProtocolConfig) -> _Division:
    pairs = cross_corpus_pairs(manifest, config).items()
    return _Division(
        tests={name: pair.test for name, pair in pairs},
        dev={name: pair.dev for name, pair in pairs},
        train={name: pair.train for name, pair in pairs},
    )


_PROTOCOLS: Mapping[str, Callable[[pd.DataFrame, ProtocolConfig], _Division]] = {
    "leave_one_session_out": _leave_one_session_out,
    "leave_one_speaker_out": _leave_one_speaker_out,
    "stratified_k_fold": _stratified_k_fold,
    "grouped_k_fold": _grouped_k_fold,
    "official_split": _official_split,
    "cross_corpus": _cross_corpus,
}


def _one_part_a_value(manifest: pd.DataFrame, column: str, protocol: str) -> Parts:
    require_known(manifest, column, protocol)
    parts: Parts = {}
    for value in sorted(manifest[column].unique(), key=_natural):
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", value).lstrip("_.-") or "unnamed"
        if name in parts:
            raise ProtocolError(
                f"{protocol}: two {column}s are both called {name} once other characters than "
                "letters and digits are replaced; rename one"
            )
        parts[name] = set(manifest.loc[manifest[column] == value, "utterance_id"])
    return parts


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", name)]


def _numbered(parts: Sequence[set[str]]) -> Parts:
    return {f"fold{number}": part for number, part in enumerate(parts, start=1)}


def _folds_of(division: _Division, manifest: pd.DataFrame) -> list[Fold]:
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
