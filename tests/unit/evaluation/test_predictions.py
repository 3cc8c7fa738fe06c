"""From the table of segment predictions to the table of utterance predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.errors import PredictionError
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.predictions import check_folds, decide_utterances
from mfsn.manifest import predictions_schema, read_table, write_table
from mfsn.protocols.fold import Fold

CLASSES = ["calm", "tense"]
CONFIG = EvaluateConfig()


def segment(utterance: str, index: int, calm: float, **others: Any) -> dict[str, Any]:
    """One row; `calm` is the posterior of the first class."""
    return {
        "segment_id": f"{utterance}#{index}",
        "utterance_id": utterance,
        "valid_samples": 48_000,
        "fold": "fold1",
        "seed": 0,
        "selection": "held_out",
        "label": "calm",
        "run": "cafe",
        "log_posterior_calm": np.log(calm),
        "log_posterior_tense": np.log(1 - calm),
    } | others


def decided(*rows: dict[str, Any]) -> pd.DataFrame:
    return decide_utterances(pd.DataFrame(rows), CLASSES, CONFIG)


def manifest(**labels: str) -> pd.DataFrame:
    return pd.DataFrame({"utterance_id": list(labels), "emotion": list(labels.values())})


def test_segments_of_an_utterance_are_decided_together() -> None:
    table = decided(segment("a", 0, 0.6), segment("a", 1, 0.1), segment("b", 0, 0.8))
    assert table["utterance_id"].tolist() == ["a", "b"]
    assert table["predicted"].tolist() == ["tense", "calm"]
    odds = np.sqrt(0.6 * 0.1) / np.sqrt(0.4 * 0.9)
    assert table["posterior_calm"][0] == pytest.approx(odds / (1 + odds))


def test_folds_seeds_and_rules_are_kept_apart() -> None:
    rows = [
        segment("a", 0, calm, seed=seed, selection=rule, fold=fold)
        for calm, seed, rule, fold in (
            (0.9, 0, "held_out", "f1"),
            (0.1, 1, "held_out", "f1"),
            (0.2, 0, "oracle_test", "f1"),
        )
    ]
    table = decided(*rows).set_index(["selection", "seed"])["predicted"]
    assert table["held_out", 0] == "calm"
    assert table["held_out", 1] == "tense"
    assert table["oracle_test", 0] == "tense"


def test_the_table_does_not_depend_on_the_order_of_its_rows(tmp_path: Path) -> None:
    rows = [segment(name, i, 0.3 + 0.1 * i) for name in "cab" for i in range(4)]
    tables = [decided(*rows), decided(*rows[::-1])]
    for number, table in enumerate(tables):
        write_table(tmp_path / f"{number}", table, predictions_schema(CLASSES))
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()


def test_the_table_follows_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    write_table(path, decided(segment("a", 0, 0.6)), predictions_schema(CLASSES))
    read = read_table(path, predictions_schema(CLASSES))
    assert read["utterance_id"].tolist() == ["a"]
    assert read["predicted"].tolist() == ["calm"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "is empty"),
        ([segment("a", 0, 0.5, log_posterior_calm=np.nan)], "not finite.*a#0"),
        ([segment("a", 0, 0.5, log_posterior_calm=-np.inf)], "not finite"),
        ([segment("a", 0, 0.5, log_posterior_calm=0.0)], "do not sum to 1"),
        ([segment("a", 0, 0.5), segment("a", 0, 0.6)], "twice"),
    ],
)
def test_broken_tables_are_refused(rows: list[dict[str, Any]], words: str) -> None:
    columns = list(segment("a", 0, 0.5))
    with pytest.raises(PredictionError, match=words):
        decide_utterances(pd.DataFrame(rows, columns=columns), CLASSES, CONFIG)


def folds(**tested: str) -> list[Fold]:
    """Fold name to the ids that it tests, one letter each."""
    return [
        Fold(name, (), (), tuple(ids), speaker_independent=True) for name, ids in tested.items()
    ]


def test_a_complete_test_is_accepted() -> None:
    table = decided(segment("a", 0, 0.6), segment("b", 0, 0.6, fold="fold2", label="tense"))
    check_folds(table, manifest(a="calm", b="tense"), folds(fold1="a", fold2="b"))


def test_an_utterance_that_no_fold_tests_may_be_missing() -> None:
    check_folds(decided(segment("a", 0, 0.6)), manifest(a="calm", b="calm"), folds(fold1="a"))


@pytest.mark.parametrize(
    "own", [folds(fold1="ab"), folds(fold2="a"), folds(fold1="a", fold2="b"), folds(fold1="b")]
)
def test_predictions_of_other_utterances_or_folds_are_refused(own: list[Fold]) -> None:
    with pytest.raises(PredictionError, match=r"of fold.* have other test utterances"):
        check_folds(decided(segment("a", 0, 0.6)), manifest(a="calm", b="calm"), own)


def test_every_seed_and_rule_must_test_the_same_utterances() -> None:
    table = decided(segment("a", 0, 0.6), segment("b", 0, 0.6), segment("a", 0, 0.6, seed=1))
    with pytest.raises(PredictionError, match=r"\(seed 1, held_out\)"):
        check_folds(table, manifest(a="calm", b="calm"), folds(fold1="ab"))


def test_a_label_that_is_not_the_manifests_is_refused() -> None:
    with pytest.raises(PredictionError, match="fold1 have other labels than the manifest"):
        check_folds(decided(segment("a", 0, 0.6)), manifest(a="tense"), folds(fold1="a"))
