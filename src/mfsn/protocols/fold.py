"""What a fold is, and what is checked before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from mfsn.base.quantities import counted
from mfsn.errors import ProtocolError
from mfsn.manifest import sounds

SPLITS = ("train", "dev", "test")
Pair = tuple[str, str]
"""The names of two corpora: the first one trains, the second one is tested."""


@dataclass(frozen=True)
class Fold:
    """One division of a corpus into utterances for training, development and test.

    Utterance ids are in the order of the manifest.
    """

    name: str
    """Unique within its protocol, and fit for a folder name."""
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]
    speaker_independent: bool
    """Whether no speaker is in two splits. Every table marks the results of other folds."""
    pair: Pair | None = None
    """The corpora that it trains on and tests, if its protocol names them."""

    @property
    def title(self) -> str:
        """The name for messages, with the word fold once: `fold Ses01`, `fold2`."""
        return fold_title(self.name)

    def split(self, name: str) -> tuple[str, ...]:
        """The utterance ids of `train`, `dev` or `test`."""
        splits = {"train": self.train, "dev": self.dev, "test": self.test}
        return splits[name]


def fold_title(name: str) -> str:
    """A fold's name for messages, with the word fold once: `fold Ses01`, `fold2`."""
    return name if name.startswith("fold") else f"fold {name}"


def describe(folds: Sequence[Fold], manifest: pd.DataFrame) -> pd.DataFrame:
    """Count the utterances, speakers and classes of each split of each fold.

    Returns:
        One row per fold and split: `fold`, `split`, `utterances` (their number), `speakers` (names
        separated by commas), `classes` (such as "angry 24, sad 23").
    """
    by_id = manifest.set_index("utterance_id")
    return pd.DataFrame(
        {"fold": fold.name, "split": split, **_counted(by_id.loc[list(fold.split(split))])}
        for fold in folds
        for split in SPLITS
    )


def _counted(part: pd.DataFrame) -> dict[str, Any]:
    counts = part["emotion"].value_counts().sort_index()
    return {
        "utterances": len(part),
        "speakers": ", ".join(sorted(part["speaker"].dropna().unique())),
        "classes": ", ".join(f"{name} {count}" for name, count in counts.items()),
    }


def check_fold(fold: Fold, manifest: pd.DataFrame) -> None:
    """Refuse a fold in which splits share something, or that a system cannot learn from.

    Args:
        fold: all its ids are in the manifest.
        manifest: all utterances of the corpus.

    Raises:
        ProtocolError: if a split is empty; if a class of the manifest is missing in training; if
            two splits share an utterance, or audio under two ids; or, in a speaker-independent
            fold, if two splits share a speaker or a speaker is unknown.
    """
    by_id = manifest.set_index("utterance_id")
    parts = {split: by_id.loc[list(fold.split(split))] for split in SPLITS}
    for split, part in parts.items():
        if part.empty:
            raise ProtocolError(
                f"{fold.title}: {split} has no utterances; choose another protocol or other folds"
            )
    _refuse_shared(fold.name, "utterance", {s: part.index for s, part in parts.items()})
    _refuse_shared_audio(fold.name, parts)
    if fold.speaker_independent:
        for part in parts.values():
            require_known(part.reset_index(), "speaker", fold.title)
        _refuse_shared(fold.name, "speaker", {s: p["speaker"] for s, p in parts.items()})
    missing = sorted(set(manifest["emotion"]) - set(parts["train"]["emotion"]))
    if missing:
        raise ProtocolError(
            f"{fold.title}: no training utterance is {' or '.join(missing)}; choose fewer or other "
            "folds, or leave the class out of labels.classes"
        )


def tell_divided(folds: Sequence[Fold], pairs: Sequence[Sequence[str]]) -> list[str]:
    """One sentence if folds train on one recording and test another one that sounds the same.

    Args:
        folds: all of them.
        pairs: utterance ids of recordings that sound the same, though their samples differ.
    """
    found: dict[str, str] = {}
    for fold in folds:
        train, test = set(fold.train), set(fold.test)
        for one, other in pairs:
            if (one in train and other in test) or (one in test and other in train):
                found.setdefault(f"{one} = {other}", fold.title)
    if not found:
        return []
    number, are = counted(len(found), "pair"), "is" if len(found) == 1 else "are"
    return [
        f"{number} of recordings that sound the same {are} divided between train and test "
        f"({some(found)}; {some(set(found.values()))}); if they are copies, keep one of each pair"
    ]


def require_known(manifest: pd.DataFrame, column: str, who: str) -> None:
    """Refuse a corpus with utterances whose speaker, session or split is unknown.

    Args:
        manifest: the utterances.
        column: `speaker`, `session` or `split`.
        who: the protocol or fold that needs the column, for the message.

    Raises:
        ProtocolError: if the column is empty for some utterance.
    """
    unknown = manifest.loc[manifest[column].isna(), "utterance_id"]
    if len(unknown):
        raise ProtocolError(
            f"{who} needs the {column} of every utterance, and {len(unknown)} of {len(manifest)} "
            f"have none ({some(unknown)}); name them in the corpus or choose another protocol"
        )


def some(names: Collection[str], limit: int = 3) -> str:
    """List the first few names, and say how many more there are."""
    first = ", ".join(sorted(names)[:limit])
    return first if len(names) <= limit else f"{first} and {len(names) - limit} more"


def _refuse_shared(fold: str, what: str, names: Mapping[str, Collection[str]]) -> None:
    for one, other in combinations(SPLITS, 2):
        shared = set(names[one]) & set(names[other])
        if shared:
            raise ProtocolError(
                f"{fold_title(fold)}: {what} {some(shared)} is in both {one} and {other}; choose "
                "folds in which each is in one of them only"
            )


def _refuse_shared_audio(fold: str, parts: Mapping[str, pd.DataFrame]) -> None:
    for one, other in combinations(SPLITS, 2):
        shared = set(sounds(parts[one])) & set(sounds(parts[other]))
        if shared:
            both = pd.concat([parts[one], parts[other]])
            ids = both.index[sounds(both) == min(shared)]
            raise ProtocolError(
                f"{fold_title(fold)}: {' and '.join(ids)} have the same audio but are in {one} and "
                f"{other}; leave all but one of them out of the corpus, or put them in one split"
            )
