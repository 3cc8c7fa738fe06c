"""Train on one corpus, test on another: the folds of the protocol cross_corpus.

Every corpus of a joined one trains, and every corpus is tested with each: a fold is an ordered
pair. Of the training corpus one group of speakers is for development and one is kept for the test
within the corpus; the others train, the same in all pairs of that corpus, so that but for chance
pairs of one training corpus differ in what is tested alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from mfsn.errors import ProtocolError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.division import Division
from mfsn.protocols.fold import require_known
from mfsn.protocols.speaker_groups import speaker_groups
from mfsn.workspace import part_of

CROSS_CORPUS = "cross_corpus"
FEWEST_GROUPS = 3
"""One for each of training, development and the test within the corpus."""


@dataclass(frozen=True)
class Pair:
    """The utterance ids of one fold."""

    train: set[str]
    dev: set[str]
    test: set[str]


def cross_corpus_pairs(manifest: pd.DataFrame, config: ProtocolConfig) -> dict[str, Pair]:
    """Name of every ordered pair to its parts; a corpus with itself is one, too.

    The test part of two different corpora is the whole other corpus; within one it is the first of
    its groups of speakers. The second is for development. Groups are those of grouped_k_fold over
    that corpus: `folds` of them, or as many as it has speakers.

    Args:
        manifest: the utterances of a joined corpus.
        config: `folds` and `seed` count.

    Raises:
        ProtocolError: if the corpus is not a joined one, a speaker is unknown, a part has fewer
            than three speakers, or two pairs would have the same name.
    """
    corpora = _corpora(manifest)
    roles = {name: _roles(name, own, config) for name, own in corpora.items()}
    pairs: dict[str, Pair] = {}
    for train, test in product(corpora, repeat=2):
        role = roles[train]
        tested = role.test if train == test else set(corpora[test]["utterance_id"])
        name = pair_name(train, test)
        if name in pairs:
            raise ProtocolError(
                f"{CROSS_CORPUS}: two pairs of corpora are both called {name}; rename a part"
            )
        pairs[name] = Pair(role.train, role.dev, tested)
    return pairs


def pair_name(train: str, test: str) -> str:
    """The name of the fold that trains on one corpus and tests on another."""
    return f"{train}-to-{test}"


def own_name(name: str) -> str:
    """What a speaker of a joined corpus is called in the corpus that it comes from."""
    return name.partition("/")[2] or name


def corpora_of(manifest: pd.DataFrame) -> list[str]:
    """The parts of a joined corpus, sorted; none of any other."""
    parts = {part_of(path) for path in manifest["path"]}
    return sorted(part for part in parts if part is not None)


def _corpora(manifest: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    own = manifest["path"].map(part_of)
    if own.isna().any():
        raise ProtocolError(
            f"{CROSS_CORPUS} needs several corpora; set corpus.reader to joined and name them in "
            "corpus.parts (`mfsn preset ravdess_emodb` is an example)"
        )
    return {str(name): part for name, part in manifest.groupby(own)}


def _roles(name: str, own: pd.DataFrame, config: ProtocolConfig) -> Pair:
    """Who of a corpus trains, who is for development, and who is tested within it."""
    require_known(own, "speaker", CROSS_CORPUS)
    speakers = own["speaker"].nunique()
    groups = min(speakers, config.folds)
    if groups < FEWEST_GROUPS:
        raise ProtocolError(
            f"{CROSS_CORPUS} parts the speakers of {name} into three groups or more (training, "
            f"development, test within the corpus), and there can be {groups} (speakers: "
            f"{speakers}, protocol.folds: {config.folds}); take a corpus with more speakers, or "
            "raise protocol.folds"
        )
    test, dev, *train = speaker_groups(own, groups, config.seed)
    return Pair(set().union(*train), dev, test)


def cross_corpus(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """One fold for each ordered pair of corpora; see `cross_corpus_pairs`."""
    pairs = cross_corpus_pairs(manifest, config).items()
    return Division(
        tests={name: pair.test for name, pair in pairs},
        dev={name: pair.dev for name, pair in pairs},
        train={name: pair.train for name, pair in pairs},
    )
