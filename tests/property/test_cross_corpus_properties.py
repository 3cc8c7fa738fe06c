"""Whatever corpora are joined: nobody who is tested is heard in training or development."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import make_folds


@st.composite
def joined(draw: st.DrawFn) -> pd.DataFrame:
    """Two or three corpora of three to six speakers with one to three takes of each class."""
    records = []
    for corpus in ("one", "two", "three")[: draw(st.integers(2, 3))]:
        for speaker in range(draw(st.integers(3, 6))):
            for emotion in ("angry", "sad"):
                for take in range(draw(st.integers(1, 3))):
                    name = f"{corpus}/{speaker}{emotion}{take}"
                    records.append((name, f"../{name}.wav", name, f"{corpus}/{speaker}", emotion))
    columns = ["utterance_id", "path", "audio_sha256", "speaker", "emotion"]
    table = pd.DataFrame(records, columns=columns).assign(soft_label=None)
    return table.sample(frac=1, random_state=draw(st.integers(0, 99))).reset_index(drop=True)


@settings(deadline=None, max_examples=20)
@given(joined(), st.integers(3, 6), st.integers(0, 9))
def test_pairs(manifest: pd.DataFrame, groups: int, seed: int) -> None:
    config = ProtocolConfig(name="cross_corpus", folds=groups, seed=seed)
    speaker = dict(zip(manifest["utterance_id"], manifest["speaker"], strict=True))
    corpora = {name.partition("/")[0] for name in speaker.values()}
    folds = make_folds(manifest, config, Path())
    assert len(folds) == len(corpora) ** 2
    for fold in folds:
        train, dev, test = ({speaker[u] for u in ids} for ids in (fold.train, fold.dev, fold.test))
        assert not train & dev | train & test | dev & test
        assert fold.speaker_independent
        trained, tested = fold.name.split("-to-")
        assert {name.partition("/")[0] for name in train | dev} == {trained}
        assert {name.partition("/")[0] for name in test} == {tested}
    tested_across = [
        u for fold in folds if len(set(fold.name.split("-to-"))) > 1 for u in fold.test
    ]
    assert pd.Series(tested_across).value_counts().eq(len(corpora) - 1).all()
    assert set(tested_across) == set(speaker)
