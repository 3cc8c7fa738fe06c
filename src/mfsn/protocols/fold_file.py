"""Files of folds, which name test speakers or test utterances."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
import yaml
from pydantic import ConfigDict, Field, model_validator

from mfsn.base.quantities import counted
from mfsn.config import Config
from mfsn.errors import ProtocolError
from mfsn.protocols.fold import some
from mfsn.workspace import local_path

SHIPPED = Path(__file__).parent / "folds"
"""The fold files that come with mfsn, such as `ravdess_emobox`."""


class FoldEntry(Config):
    """The test data of one fold, and its development data if the file names them."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Name of the fold; by default fold1, fold2 and so on."""
    test_speakers: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    """Utterance ids; instead of test_speakers."""
    dev_speakers: tuple[str, ...] | None = None
    dev: tuple[str, ...] | None = None
    """Utterance ids; instead of dev_speakers. Without both, the test data of the next fold."""

    @model_validator(mode="after")
    def _speakers_or_utterances(self) -> FoldEntry:
        if bool(self.test_speakers) == bool(self.test):
            raise ValueError("name either test_speakers or test (utterance ids), not both")
        if self.dev_speakers is not None and self.dev is not None:
            raise ValueError("name either dev_speakers or dev (utterance ids), not both")
        if () in (self.dev_speakers, self.dev):
            raise ValueError(
                "dev and dev_speakers cannot be empty, since epochs and levels are chosen on "
                "development data; name some, or leave both out to take the test data of the next "
                "fold"
            )
        return self


class FoldFile(Config):
    """A YAML or JSON file of folds."""

    source: str = ""
    """Where these folds were published."""
    speaker_independent: bool = True
    """true: a speaker in two splits is an error. false: tables mark the results of these folds."""
    covers: Literal["all", "part"] = "all"
    """all: every utterance of the corpus has to be tested in exactly one fold. part: not so."""
    folds: tuple[FoldEntry, ...] = Field(min_length=1)


def read_fold_file(name: str, workspace: Path) -> FoldFile:
    """Read a fold file.

    Args:
        name: a file that comes with mfsn (`ravdess_emobox`), or a path relative to the workspace.
        workspace: the folder that the path starts from.

    Raises:
        ProtocolError: if the file is missing or is not YAML.
        ConfigError: if an entry is unknown, missing or of the wrong type.
    """
    shipped = SHIPPED / f"{name}.yaml"
    path = shipped if shipped.is_file() else local_path(name, workspace)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        known = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.yaml")))
        raise ProtocolError(
            f"protocol.file: {name} cannot be read; give a path relative to the workspace, or one "
            f"of the files that come with mfsn ({known})"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProtocolError(f"protocol.file: {name} is not valid YAML or JSON: {error}") from None
    return FoldFile.parse(values, where=name)


def utterances_of(
    speakers: Sequence[str], ids: Sequence[str], manifest: pd.DataFrame, where: str
) -> set[str]:
    """Find the utterances that an entry names by speaker or by id.

    Args:
        speakers: names of speakers, or nothing.
        ids: utterance ids, if no speakers are named.
        manifest: the utterances of the corpus.
        where: file and fold, for the message.

    Raises:
        ProtocolError: if the corpus lacks one of the speakers or utterances.
    """
    column, names = ("speaker", speakers) if speakers else ("utterance_id", ids)
    unknown = set(names) - set(manifest[column].dropna())
    if unknown:
        raise ProtocolError(
            f"{where}: the corpus has no {column} {some(unknown)}; it has "
            f"{some(set(manifest[column].dropna()))}"
        )
    return set(manifest.loc[manifest[column].isin(names), "utterance_id"])


def check_coverage(tests: Sequence[set[str]], manifest: pd.DataFrame, where: str) -> None:
    """Refuse folds that do not test every utterance exactly once.

    Args:
        tests: the utterance ids that each fold tests.
        manifest: the utterances of the corpus.
        where: the file, for the message.

    Raises:
        ProtocolError: if an utterance is tested in no fold, or in several.
    """
    counts = pd.Series([i for test in tests for i in test]).value_counts()
    times = manifest["utterance_id"].map(counts)
    for wrong, how in ((times.isna(), "tested in no fold"), (times > 1, "tested more than once")):
        ids = manifest.loc[wrong, "utterance_id"]
        if len(ids):
            raise ProtocolError(
                f"{where}: {counted(len(ids), 'utterance')} {how} ({some(ids)}); correct "
                "the folds, or write `covers: part` if they are meant to be like this"
            )
