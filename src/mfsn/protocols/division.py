"""What a protocol decides, before folds are made of it and checked.

A protocol is a function of the manifest, its parameters and the workspace. A plug-in adds one by an
entry point in the group `mfsn.protocols`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.fold import require_known

Parts = dict[str, set[str]]
"""Fold name to utterance ids of one of its splits, in the order of the folds."""


@dataclass(frozen=True)
class Division:
    """Test data of every fold, and the other splits that the protocol names."""

    tests: Parts
    dev: Parts = field(default_factory=dict)
    train: Parts = field(default_factory=dict)
    speaker_independent: bool = True


class Divide(Protocol):
    """A protocol."""

    def __call__(self, manifest: pd.DataFrame, config: ProtocolConfig, workspace: Path) -> Division:
        """Divide a corpus.

        Args:
            manifest: the utterances (`mfsn.manifest.UTTERANCES`), labels already merged and chosen.
            config: parameters of the protocol.
            workspace: where a relative path starts.

        Raises:
            ProtocolError: if the corpus cannot be divided like this.
        """
        ...


def one_part_per_value(manifest: pd.DataFrame, column: str, protocol: str) -> Parts:
    """One fold for each value of a column, in natural order, named after it.

    Raises:
        ProtocolError: if a value is unknown, or two values would give one name.
    """
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


def numbered(parts: Sequence[set[str]]) -> Parts:
    """Folds with the names fold1, fold2 and so on."""
    return {f"fold{number}": part for number, part in enumerate(parts, start=1)}
