"""Train on one corpus and test on another: the folds of the protocol cross_corpus.

There is one fold per ordered pair of the corpora in a joined corpus: the first corpus trains, the
second is tested; a corpus is paired with itself, too. The speakers of the training corpus are
divided into groups. One group is for development, and one is kept for the test within the corpus.
The other speakers train, and they are the same in all pairs of this training corpus. Therefore such
pairs differ only in what is tested, apart from chance.
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
from mfsn.protocols.fold import Pair, require_known
from mfsn.protocols.speaker_groups import speaker_groups
from mfsn.workspace import part_of

CROSS_CORPUS = "cross_corpus"
FEWEST_GROUPS = 3
"""One each for training, for development and for the test within the corpus."""


@dataclass(frozen=True)
class Roles:
    """What the utterances of a corpus are for."""

    train: set[str]
    dev: set[str]
    test: set[str]
    """Tested within the corpus."""


def cross_corpus(
    manifest: pd.DataFrame,
    config: ProtocolConfig,
    workspace: Path,  # noqa: ARG001
) -> Division:
    """Divide a joined corpus into one fold per ordered pair of its corpora.

    For two different corpora, the whole second corpus is tested. For a corpus and itself, its first
    group of speakers is tested. The second group of the training corpus is for development. The
    groups are those that grouped_k_fold makes of the training corpus: `folds` groups, or as many as
    the corpus has speakers.

    Raises:
        ProtocolError: if the corpus is not a joined corpus, a speaker is unknown, a corpus has
            fewer than three speakers, or two pairs would have the same name.
    """
    corpora = _corpora(manifest)
    roles = {name: _roles(name, own, config) for name, own in corpora.items()}
    pairs: dict[str, Pair] = {}
    for train, test in product(corpora, repeat=2):
        name = f"{train}-to-{test}"
        if name in pairs:
            raise ProtocolError(
                f"{CROSS_CORPUS}: two pairs of corpora are both called {name}; rename one corpus "
                "in corpus.parts"
            )
        pairs[name] = (train, test)
    return Division(
        tests={
            name: roles[train].test if train == test else set(corpora[test]["utterance_id"])
            for name, (train, test) in pairs.items()
        },
        dev={name: roles[train].dev for name, (train, _) in pairs.items()},
        train={name: roles[train].train for name, (train, _) in pairs.items()},
        pairs=pairs,
    )


def _corpora(manifest: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
    own = manifest["path"].map(part_of)
    if own.isna().any():
        raise ProtocolError(
            f"{CROSS_CORPUS} needs several corpora; set corpus.reader to joined, and name them in "
            "corpus.parts (`mfsn preset ravdess_emodb` is an example)"
        )
    return {str(name): part for name, part in manifest.groupby(own)}


def _roles(name: str, own: pd.DataFrame, config: ProtocolConfig) -> Roles:
    """The utterances that train, are for development, and are tested within a corpus."""
    require_known(own, "speaker", CROSS_CORPUS)
    speakers = own["speaker"].nunique()
    groups = min(speakers, config.folds)
    if groups < FEWEST_GROUPS:
        raise ProtocolError(
            f"{CROSS_CORPUS} divides the speakers of {name} into three or more groups (for "
            f"training, development and the test within the corpus), but only {groups} are "
            f"possible (speakers: {speakers}, protocol.folds: {config.folds}); choose a corpus "
            "with more speakers, or raise protocol.folds"
        )
    test, dev, *train = speaker_groups(own, groups, config.seed)
    return Roles(set().union(*train), dev, test)
