"""What a protocol is: a function that divides a corpus.

`mfsn.protocols.make` makes folds from what a protocol returns, and checks them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.fold import Pair, require_known, some

FOLD_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
Parts = dict[str, set[str]]
"""Fold name to the utterance ids of one of its splits, in the order of the folds."""


@dataclass(frozen=True)
class Division:
    """The test data of each fold, and other splits if the protocol decides them."""

    tests: Parts
    """Test data of every fold. A fold's name is also the name of a folder."""
    dev: Parts = field(default_factory=dict)
    """Development data of some or all folds. By default, a fold's development data are the test
    data of the next fold; for the last fold, those of the first."""
    train: Parts = field(default_factory=dict)
    """Training data of some or all folds; by default all utterances of no other split."""
    speaker_independent: bool = True
    """Whether no speaker is in two splits of a fold. If True, mfsn refuses folds that break this;
    if False, all tables mark the results."""
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    """For a protocol that trains on one corpus and tests on another: the two corpora of every fold.
    Scores are then shown as a matrix, and an utterance may be tested in several folds."""

    def __post_init__(self) -> None:
        """Check the names of folds.

        Raises:
            ProtocolError: if a fold's name is not fit for a folder, a fold has no test data, only
                some folds have a pair of corpora, or an utterance is tested in several folds
                without pairs.
        """
        if self.pairs and self.pairs.keys() != self.tests.keys():
            raise ProtocolError("a protocol has to name the pair of corpora of all its folds")
        times = Counter(name for ids in self.tests.values() for name in ids)
        repeated = [name for name, number in times.items() if number > 1 and not self.pairs]
        if repeated:
            raise ProtocolError(
                f"a protocol tests utterances in several folds ({some(repeated)}); choose folds "
                "that test each utterance once"
            )
        for name in {*self.tests, *self.dev, *self.train}:
            if not re.fullmatch(FOLD_NAME, name):
                raise ProtocolError(
                    f"{name!r} cannot be the name of a fold; use letters, digits and _.- only, and "
                    "begin with a letter or a digit"
                )
            if name not in self.tests:
                raise ProtocolError(f"{name} has no test data; the protocol has to name some")


class Divide(Protocol):
    """A protocol.

    A plug-in adds one by an entry point in the group `mfsn.protocols` that names such a function.
    `protocol.name` in params.yaml then names the entry point. Its parameters are those of
    `ProtocolConfig`; a protocol uses as many of them as it needs. This protocol tests only the
    first session:

        def first_session(manifest, config, workspace):
            is_first = manifest["session"] == "Ses01"
            return Division(
                tests={"first": set(manifest.loc[is_first, "utterance_id"])},
                dev={"first": set(manifest.loc[manifest["session"] == "Ses02", "utterance_id"])},
            )
    """

    def __call__(self, manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> Division:
        """Divide a corpus.

        Args:
            manifest: the utterances (`mfsn.manifest.UTTERANCES`), with at least one row; their
                labels are already merged and chosen.
            config: the parameters of the protocol.
            workspace: the folder that relative paths start from.

        Raises:
            ProtocolError: if the corpus cannot be divided in this way.
        """
        ...


def one_part_per_value(manifest: pd.DataFrame, column: str, protocol: str) -> Parts:
    """Make one fold per value of a column, named after the value, with numbers in order of size.

    Args:
        manifest: the utterances.
        column: `speaker` or `session`.
        protocol: its name, for messages.

    Raises:
        ProtocolError: if a value is missing, or two folds would have the same name.
    """
    require_known(manifest, column, protocol)
    parts: Parts = {}
    for value in sorted(manifest[column].unique(), key=natural):
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", value).lstrip("_.-") or "unnamed"
        if name in parts:
            raise ProtocolError(
                f"{protocol}: two {column}s are both called {name} after characters that are "
                "not letters or digits are replaced; rename one of them in the corpus"
            )
        parts[name] = set(manifest.loc[manifest[column] == value, "utterance_id"])
    return parts


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts names with numbers in order of size."""
    return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", name)]


def numbered(parts: Sequence[set[str]]) -> Parts:
    """Name folds fold1, fold2 and so on."""
    return {f"fold{number}": part for number, part in enumerate(parts, start=1)}
