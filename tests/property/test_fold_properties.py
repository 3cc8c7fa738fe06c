"""Whatever the corpus: folds cover it, share no utterance and, where they say so, no speaker."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import Fold, make_folds

PROTOCOLS = st.sampled_from(
    ["leave_one_session_out", "leave_one_speaker_out", "stratified_k_fold", "grouped_k_fold"]
)


@st.composite
def corpora(draw: st.DrawFn) -> pd.DataFrame:
    """Three to five sessions of one or two speakers who say each class one to four times."""
    records = []
    for session in range(draw(st.integers(3, 5))):
        for speaker in range(draw(st.integers(1, 2))):
            for emotion in ("angry", "happy", "sad"):
                for take in range(draw(st.integers(1, 4))):
                    name = f"{session}-{speaker}-{emotion}-{take}"
                    records.append((name, name, f"{session}-{speaker}", f"S{session}", emotion))
    columns = ["utterance_id", "audio_sha256", "speaker", "session", "emotion"]
    table = pd.DataFrame(records, columns=columns).assign(split=None, soft_label=None)
    return table.sample(frac=1, random_state=draw(st.integers(0, 99))).reset_index(drop=True)


def speakers(ids: tuple[str, ...]) -> set[str]:
    return {name.rpartition("-")[0].rpartition("-")[0] for name in ids}


@settings(deadline=None, max_examples=30)
@given(corpora(), PROTOCOLS, st.integers(0, 9))
def test_folds_of_every_protocol(manifest: pd.DataFrame, name: str, seed: int) -> None:
    folds = make_folds(manifest, ProtocolConfig(name=name, folds=3, seed=seed), Path())
    everything = set(manifest["utterance_id"])
    assert sorted(name for fold in folds for name in fold.test) == sorted(everything)
    assert sorted(name for fold in folds for name in fold.dev) == sorted(everything)
    for fold, following in zip(folds, folds[1:] + folds[:1], strict=True):
        assert fold.dev == following.test
        assert len({fold.name for fold in folds}) == len(folds)
        _splits_are_disjoint(fold, everything)
        assert set(manifest.set_index("utterance_id").loc[list(fold.train), "emotion"]) == {
            "angry", "happy", "sad",
        }  # fmt: skip


def _splits_are_disjoint(fold: Fold, everything: set[str]) -> None:
    splits = (fold.train, fold.dev, fold.test)
    assert set().union(*splits) == everything
    assert sum(map(len, splits)) == len(everything)
    if fold.speaker_independent:
        names = [speakers(split) for split in splits]
        assert sum(map(len, names)) == len(set().union(*names))


@settings(deadline=None, max_examples=20)
@given(corpora(), st.integers(0, 9))
def test_the_order_of_the_manifest_does_not_move_grouped_folds(
    manifest: pd.DataFrame, seed: int
) -> None:
    config = ProtocolConfig(name="grouped_k_fold", folds=3, seed=seed)
    shuffled = manifest.iloc[::-1].reset_index(drop=True)
    one, other = (make_folds(table, config, Path()) for table in (manifest, shuffled))
    assert [set(fold.test) for fold in one] == [set(fold.test) for fold in other]
    # Ids stand in the order of the manifest.
    assert list(other[0].test) == [i for i in shuffled["utterance_id"] if i in set(other[0].test)]
