"""Train on one corpus, test on another: folds, coverage, the matrix, and its place in the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from mfsn.errors import PredictionError, ProtocolError
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.crossing import summarise_pairs
from mfsn.evaluation.predictions import check_folds
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import Fold, make_folds
from mfsn.report.experiment.run import Run
from mfsn.report.experiment.tables import matrix

CLASSES = ["angry", "sad"]
PAIRS = [f"{one}-to-{other}" for one in ("a", "b", "c") for other in ("a", "b", "c")]


def joined(speakers: int = 4, corpora: Sequence[str] = "abc") -> pd.DataFrame:
    """Two utterances of each emotion by each speaker of each corpus; names say who and what."""
    records: list[dict[str, Any]] = [
        {
            "utterance_id": f"{corpus}/{speaker}-{emotion}-{take}",
            "path": f"../{corpus}/{speaker}/{emotion}{take}.wav",
            "audio_sha256": f"{corpus}{speaker}{emotion}{take}",
            "speaker": f"{corpus}/{speaker}",
            "emotion": emotion,
            "congruent": None,
            "soft_label": None,
        }
        for corpus in corpora
        for speaker in range(speakers)
        for emotion in CLASSES
        for take in (1, 2)
    ]
    return pd.DataFrame(records)


def folds_of(manifest: pd.DataFrame, **more: Any) -> dict[str, Fold]:
    config = ProtocolConfig(name="cross_corpus", **more)
    return {fold.name: fold for fold in make_folds(manifest, config, Path())}


def speakers_of(ids: tuple[str, ...]) -> set[str]:
    return {name.partition("-")[0] for name in ids}


def corpora_of(ids: tuple[str, ...]) -> set[str]:
    return {name.partition("/")[0] for name in ids}


def predicted(
    folds: dict[str, Fold], wrong: Callable[[str, str], bool], seeds: tuple[int, ...] = (0,)
) -> pd.DataFrame:
    """Right decisions about all test parts but where `wrong` of fold and utterance says so."""
    other = {"angry": "sad", "sad": "angry"}
    records = []
    for fold, part in folds.items():
        for seed in seeds:
            for name in part.test:
                label = name.split("-")[1]
                decision = other[label] if wrong(fold, name) else label
                records.append(("held_out", seed, fold, name, label, decision))
    columns = ["selection", "seed", "fold", "utterance_id", "label", "predicted"]
    return pd.DataFrame(records, columns=columns)


def test_every_ordered_pair_is_a_fold_and_each_corpus_is_tested_whole() -> None:
    manifest = joined()
    folds = folds_of(manifest)
    assert list(folds) == PAIRS
    for name, fold in folds.items():
        train, test = name.split("-to-")
        assert corpora_of(fold.train) == corpora_of(fold.dev) == {train}
        assert corpora_of(fold.test) == {test}
        if train != test:
            whole = manifest["utterance_id"].str.startswith(f"{test}/")
            assert list(fold.test) == manifest.loc[whole, "utterance_id"].tolist()


def test_pairs_of_one_training_corpus_have_the_same_speakers_in_training_and_development() -> None:
    folds = folds_of(joined())
    own, across = folds["a-to-a"], folds["a-to-b"]
    assert (own.train, own.dev) == (across.train, across.dev)
    held = [speakers_of(ids) for ids in (own.train, own.dev, own.test)]
    assert [len(speakers) for speakers in held] == [2, 1, 1]
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]


def test_the_number_of_groups_decides_how_many_speakers_are_held_out() -> None:
    folds = folds_of(joined(speakers=6), folds=3)
    assert [len(speakers_of(folds["a-to-a"].split(s))) for s in ("train", "dev", "test")] == [2] * 3


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (
            joined(speakers=2),
            r"of a into three or more groups .* only 2 are possible \(speakers: 2",
        ),
        (joined().assign(path="x.wav"), "needs several corpora; set corpus.reader to joined"),
        (joined().assign(speaker=None), "cross_corpus needs the speaker of every utterance"),
        (joined().assign(audio_sha256="same"), "have the same audio but are in train and"),
    ],
)
def test_what_cannot_be_crossed_is_refused(manifest: pd.DataFrame, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        folds_of(manifest)


def test_names_that_make_two_pairs_one_are_refused() -> None:
    with pytest.raises(ProtocolError, match="both called a-to-a-to-a; rename one corpus"):
        folds_of(joined(corpora=("a", "a-to-a")))


def test_the_mean_is_over_pairs_of_two_corpora_and_the_matrix_holds_all() -> None:
    manifest = joined()
    folds = folds_of(manifest)
    pairs = {name: fold.pair for name, fold in folds.items() if fold.pair}
    # Everything is right within a corpus, and what a trained on is wrong of b's angry ones.
    predictions = predicted(folds, lambda fold, u: fold == "a-to-b" and "angry" in u, (0, 1))
    scores = summarise_pairs(
        predictions, manifest, CLASSES, "held_out", EvaluateConfig(), pairs=pairs
    )
    cells = {f"{c['train']}-to-{c['test']}": c["ua"] for c in scores["matrix"]}
    assert cells == dict.fromkeys(PAIRS, 1.0) | {"a-to-b": 0.5}
    assert scores["ua"] == pytest.approx(5.5 / 6, abs=1e-6)
    assert sorted(scores["folds"]) == [name for name in PAIRS if name[0] != name[-1]]
    assert scores["counts"] == {"utterances": 48, "folds": 6, "seeds": 2}
    assert scores["matrix"][0]["utterances"] == 4


def test_the_page_has_one_row_a_training_corpus() -> None:
    cells = [{"train": a, "test": b, "ua": 0.5} for a in "xy" for b in "xy"]

    rows = matrix(cast(Run, SimpleNamespace(scores={"matrix": cells})))
    assert [row["train"] for row in rows] == ["x", "y"]
    assert [cell["test"] for cell in rows[1]["cells"]] == ["x", "y"]
    assert matrix(cast(Run, SimpleNamespace(scores={}))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[p["fold"] != "a-to-b"], "a-to-b have other test utterances"),
        (lambda p: p.iloc[1:], "a-to-a have other test utterances"),
        (lambda p: pd.concat([p, p.iloc[:1]]), "a-to-a have other test utterances"),
        (lambda p: p.assign(fold=p["fold"].replace("c-to-c", "d-to-c")), "c-to-c, d-to-c have"),
        (lambda p: p.assign(label="sad"), "have other labels than the manifest"),
    ],
)
def test_predictions_that_do_not_cover_the_folds_are_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    manifest = joined()
    folds = folds_of(manifest)
    predictions = predicted(folds, lambda fold, u: False, (0, 1))
    check_folds(predictions, manifest, list(folds.values()))
    with pytest.raises(PredictionError, match=message):
        check_folds(change(predictions), manifest, list(folds.values()))
