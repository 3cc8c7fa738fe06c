"""Take the folds that a file names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import mfsn.protocols.folds  # noqa: F401 (data of this protocol alone)
from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division, Parts
from mfsn.protocols.fold_file import FoldFile, check_coverage, read_fold_file, utterances_of


def folds_from_file(manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> Division:
    """Read `protocol.file`, which comes with mfsn or is a path relative to the workspace.

    Raises:
        ProtocolError: if no file is named, the file is wrong, or it does not match the corpus.
    """
    if config.file is None:
        raise ProtocolError(
            "folds_from_file needs protocol.file; set it to ravdess_emobox, for example"
        )
    file = read_fold_file(config.file, workspace)
    tests, dev = _parts(file, manifest, config.file)
    if file.covers == "all":
        check_coverage(list(tests.values()), manifest, config.file)
    return Division(tests, dev, speaker_independent=file.speaker_independent)


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
            dev[name] = utterances_of(entry.dev_speakers, entry.dev, manifest, where)
    return tests, dev
