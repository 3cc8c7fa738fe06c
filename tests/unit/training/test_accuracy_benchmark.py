"""benchmarks/accuracy.py: a fold's own test part takes no part in what is chosen for it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mfsn.evaluation.config import EvaluateConfig
from mfsn.protocols.fold import Fold
from mfsn.systems.linear.classical import LEVEL
from mfsn.systems.linear.fits import Vectors

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "accuracy.py"
PARTS, EACH = 3, 12
IDS = [f"u{i:02d}" for i in range(PARTS * EACH)]
FOLDS = [
    Fold(f"fold{k}", (), (), tuple(IDS[k * EACH : (k + 1) * EACH]), speaker_independent=True)
    for k in range(PARTS)
]


@pytest.fixture(scope="module")
def accuracy() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("accuracy_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def features(accuracy: ModuleType) -> dict[str, Vectors]:
    """Two classes that one column tells apart, in all sets of features but ComParE."""
    random = np.random.default_rng(0)
    labels = np.arange(len(IDS)) % 2
    told = random.normal(size=(len(IDS), 6)) + 4 * labels[:, None] * (np.arange(6) == 1)
    position = {name: i for i, name in enumerate(IDS)}
    named = dict(zip(IDS, labels.tolist(), strict=True))
    good = Vectors({LEVEL: told}, position, named, [told + 0.1], [2, 4])
    plain = accuracy.columns_of(replace(good, copies=[]), [1])
    return {name: plain if name == "ComParE" else good for name in accuracy.FEATURES}


def mislabelled(features: dict[str, Vectors], part: int) -> dict[str, Vectors]:
    """The same, but for the labels of one part, of which each is the other class."""
    labels = {name: int(name in FOLDS[part].test) ^ i % 2 for i, name in enumerate(IDS)}
    return {name: replace(data, labels=labels) for name, data in features.items()}


def spoilt(features: dict[str, Vectors], part: int) -> dict[str, Vectors]:
    """The same, but for nonsense in one part, labels included."""
    found = {}
    for name, data in mislabelled(features, part).items():
        rows = data.levels[LEVEL].copy()
        rows[part * EACH : (part + 1) * EACH] = 1e3 * np.arange(EACH)[:, None]
        found[name] = replace(data, levels={LEVEL: rows}, copies=[rows] * len(data.copies))
    return found


def test_columns_are_those_of_the_blocks_asked_for(accuracy: ModuleType) -> None:
    rows = np.arange(12).reshape(2, 6)
    data = Vectors({LEVEL: rows}, {"a": 0, "b": 1}, {"a": 0, "b": 1}, [rows + 100], [1, 3, 2])
    kept = accuracy.columns_of(data, [0, 2])
    assert kept.levels[LEVEL].tolist() == [[0, 4, 5], [6, 10, 11]]
    assert kept.copies[0].tolist() == [[100, 104, 105], [106, 110, 111]]
    assert kept.blocks == [1, 2]


def test_a_test_part_changes_nothing_of_its_own_choice(
    accuracy: ModuleType, features: dict[str, Vectors]
) -> None:
    recipes = [accuracy.BASELINES[0], accuracy.RECIPES[-1]]
    before = accuracy.cross_validate(features, FOLDS, recipes)
    after = accuracy.cross_validate(spoilt(features, 1), FOLDS, recipes)
    for recipe in recipes:
        np.testing.assert_array_equal(before[recipe][1], after[recipe][1])
        assert np.isnan(before[recipe].diagonal()).all()
    assert any((before[r][0] != after[r][0]).any() for r in recipes)  # others are scored on it


def test_an_opened_fold_is_predicted_without_its_labels(
    accuracy: ModuleType, features: dict[str, Vectors]
) -> None:
    recipe = {"recipe": accuracy.asdict(accuracy.RECIPES[-1])}
    opened, blind = (
        accuracy.open_fold(FOLDS[1], {"ours": recipe}, data, FOLDS)
        for data in (features, mislabelled(features, 1))
    )
    assert blind["ours"].tolist() == opened["ours"].tolist()
    assert blind["actual"].tolist() == (1 - opened["actual"]).tolist()


@pytest.mark.parametrize("independent", [True, False])
def test_folds_that_test_the_same_speakers_are_refused(
    accuracy: ModuleType, independent: bool
) -> None:
    """As those of two corpora do, where one trains and the other tests."""
    shared = [
        replace(FOLDS[k], train=FOLDS[k - 1].test, speaker_independent=independent)
        for k in range(PARTS)
    ]
    with pytest.raises(SystemExit, match=r"^fold0: other folds test speakers of its test part;"):
        accuracy.refuse_shared_speakers(shared)


def test_folds_that_learn_from_all_other_parts_are_taken(accuracy: ModuleType) -> None:
    everyone = [replace(FOLDS[k], train=FOLDS[k - 1].test, dev=FOLDS[k - 2].test) for k in range(3)]
    accuracy.refuse_shared_speakers(everyone)


def test_the_best_recipe_is_frozen_beside_the_best_baseline(
    accuracy: ModuleType, features: dict[str, Vectors], tmp_path: Path
) -> None:
    path = tmp_path / "frozen.json"
    accuracy.freeze(path, FOLDS, accuracy.cross_validate(features, FOLDS))
    for about in json.loads(path.read_text(encoding="utf-8")).values():
        assert about["ours"]["recipe"]["features"] != "ComParE"
        assert about["baseline"]["recipe"]["features"] == "ComParE"
        assert about["ours"]["dev_ua"] > 0.8 > about["baseline"]["dev_ua"]


def test_an_opened_fold_and_its_scores(
    accuracy: ModuleType, features: dict[str, Vectors], capsys: pytest.CaptureFixture[str]
) -> None:
    def entry(recipe: object) -> dict[str, object]:
        return {"recipe": accuracy.asdict(recipe), "dev_ua": 0.5}

    chosen = {"ours": entry(accuracy.RECIPES[-1]), "baseline": entry(accuracy.BASELINES[0])}
    table = accuracy.open_fold(FOLDS[2], chosen, features, FOLDS)
    assert table["utterance_id"].tolist() == list(FOLDS[2].test)
    assert table["ours"].tolist() == table["actual"].tolist()
    accuracy.print_ledger({"fold2": table}, {"fold2": chosen})
    manifest = pd.DataFrame({"utterance_id": IDS, "speaker": [f"s{i // 4}" for i in range(36)]})
    accuracy.print_scores(table, manifest, 2, EvaluateConfig())
    printed = capsys.readouterr().out
    assert f"| fold2 | ours | {accuracy.RECIPES[-1]} | 50.0 | 100.0 |" in printed
    assert "| ours ua | 100.0 | 100.0 to 100.0 |" in printed
    missed = 100 * (1 - (table["baseline"] == table["actual"]).mean())
    assert f"| difference wa | {missed:.1f} |" in printed
