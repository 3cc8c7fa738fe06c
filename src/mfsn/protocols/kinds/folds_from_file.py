"""Take the folds that a file names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pandas as pd

import mfsn.protocols.folds  # noqa: F401 (data of this protocol alone)
from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division, Parts
from mfsn.protocols.fold_file import FoldFile, check_coverage, read_fold_file, utterances_of
from mfsn.protocols.published import Lists, is_list, match, read_published
from mfsn.workspace import local_path


def folds_from_file(manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> Division:
    """Read `protocol.file`, which comes with mfsn or is a path relative to the workspace.

    A folder holds lists of EmoBox or s3prl; see `mfsn.protocols.published`.

    Raises:
        ProtocolError: if no file is named, the file is wrong, or it does not match the corpus.
    """
    if config.file is None:
        raise ProtocolError(
            "folds_from_file needs protocol.file; set it to ravdess_emobox, for example"
        )
    if (folder := local_path(config.file, workspace)).is_dir():
        return _as_published(read_published(folder), manifest, config.file)
    if is_list(folder):
        raise ProtocolError(
            f"protocol.file: {config.file} is one list of a published fold; name its folder, or "
            "the folder of all folds"
        )
    file = read_fold_file(config.file, workspace)
    tests, dev = _parts(file, manifest, config.file)
    if file.covers == "all":
        check_coverage(list(tests.values()), manifest, config.file)
    return Division(tests, dev, speaker_independent=file.speaker_independent)


def _as_published(folds: Mapping[str, Lists], manifest: pd.DataFrame, folder: str) -> Division:
    """The folds of published lists. Without a list for development, it is the next fold's test."""
    found: dict[str, Parts] = {"train": {}, "dev": {}, "test": {}}
    for name, lists in folds.items():
        for split, paths in lists.items():
            found[split][name] = match(paths, manifest, f"{folder}: {name}, {split}")
    tests, dev = found["test"], found["dev"]
    names = list(tests)
    for name, following in zip(names, names[1:] + names[:1], strict=True):
        if name not in dev and len(names) > 1:
            dev[name] = tests[following] - tests[name]
    train = {name: ids - dev.get(name, set()) for name, ids in found["train"].items()}
    return Division(tests, dev, train, _is_independent(manifest, tests, dev, train))


def _is_independent(manifest: pd.DataFrame, *parts: Parts) -> bool:
    """Whether all speakers are known, and none is in two splits of a fold."""
    speakers = manifest.set_index("utterance_id")["speaker"]
    heard = [
        [set(speakers[list(part[name])]) for part in parts if name in part] for name in parts[0]
    ]
    return bool(speakers.notna().all()) and all(
        one.isdisjoint(other) for splits in heard for one, other in combinations(splits, 2)
    )


def _parts(file: FoldFile, manifest: pd.DataFrame, path: str) -> tuple[Parts, Parts]:
    """The test data of each fold, and the development data of those folds that name some."""
    tests: Parts = {}
    dev: Parts = {}
    for number, entry in enumerate(file.folds, start=1):
        name = entry.name or f"fold{number}"
        where = f"{path}: {name}"
        if name in tests:
            raise ProtocolError(f"{where} is the name of two folds; give each fold its own name")
        tests[name] = utterances_of(entry.test_speakers, entry.test, manifest, where)
        if entry.dev_speakers or entry.dev:
            dev[name] = utterances_of(entry.dev_speakers or (), entry.dev or (), manifest, where)
    return tests, dev
