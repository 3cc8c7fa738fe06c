"""scores.json, metrics.json and the tables that DVC plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from dvc_render.vega import VegaRenderer  # type: ignore[import-untyped]

from mfsn.errors import PredictionError
from mfsn.evaluation.classes import confusion_table, folds_table, headline, summarise
from mfsn.evaluation.config import EvaluateConfig

CLASSES = ["calm", "tense"]
Row = tuple[str, str, int, str, str]


def table(*rows: Row, rule: str = "held_out") -> pd.DataFrame:
    """Rows of utterance, fold, seed, label, decision; labels by their first letter."""
    names = {"c": "calm", "t": "tense"}
    return pd.DataFrame(
        [(u, f, s, names[label], names[decision], rule) for u, f, s, label, decision in rows],
        columns=["utterance_id", "fold", "seed", "label", "predicted", "selection"],
    )


def manifest(**congruent: bool | None) -> pd.DataFrame:
    known = {"utterance_id": list(congruent), "congruent": list(congruent.values())}
    return pd.DataFrame(known, dtype=object).assign(speaker=None)


# Fold f1: recalls 1 and 0. Fold f2 holds calm alone: recall 1/2.
ONE_SEED: list[Row] = [
    ("a", "f1", 0, "c", "c"),
    ("b", "f1", 0, "t", "c"),
    ("d", "f2", 0, "c", "c"),
    ("e", "f2", 0, "c", "t"),
]


def summary(predictions: pd.DataFrame, known: pd.DataFrame | None = None) -> dict[str, Any]:
    known = manifest() if known is None else known
    return summarise(predictions, known, CLASSES, "held_out", EvaluateConfig())


def test_the_headline_is_the_mean_over_folds() -> None:
    found = summary(table(*ONE_SEED))
    assert found["ua"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["wa"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["folds"]["f2"]["ua"] == 0.5


def test_dvc_compares_the_headline_alone() -> None:
    one = summary(table(*ONE_SEED))
    assert headline(one) == {
        **{name: one[name] for name in ("ua", "wa", "macro_f1", "chance_ua")},
        "ua_pooled": one["pooled"]["ua"],
    }
    two = summary(table(*ONE_SEED, *((u, f, 1, label, label) for u, f, _, label, _ in ONE_SEED)))
    assert headline(two)["ua_std"] == two["std"]["ua"] > 0


def test_pooled_scores_take_all_folds_as_one_set() -> None:
    found = summary(table(*ONE_SEED))
    assert found["pooled"]["ua"] == pytest.approx((2 / 3 + 0) / 2, abs=1e-6)
    assert found["pooled"]["wa"] == 0.5


def test_counts_and_chance() -> None:
    found = summary(table(*ONE_SEED))
    assert found["counts"] == {"utterances": 4, "folds": 2, "seeds": 1}
    assert found["chance_ua"] == 0.5
    assert found["folds"]["f1"]["utterances"] == 2


def test_one_seed_is_the_headline_and_has_no_deviation() -> None:
    oracle = table(*ONE_SEED, rule="oracle_test")
    found = summary(pd.concat([table(*ONE_SEED), oracle]))
    assert not {"std", "seeds"} & set(found)
    assert not {"std", "seeds"} & set(found["compared"]["oracle_test"])


def test_how_utterances_were_decided_stands_beside_the_scores() -> None:
    decision = EvaluateConfig.parse({"aggregation": "majority_vote"}, "test")
    found = summarise(table(*ONE_SEED), manifest(), CLASSES, "held_out", decision)
    assert found["decision"] == decision.model_dump(mode="json")


def test_dvc_can_show_everything() -> None:
    """It shows numbers and text in mappings; lists it passes over."""
    second = [(u, f, 1, label, label) for u, f, _, label, _ in ONE_SEED]
    found = [summary(table(*ONE_SEED, *second), manifest(a=True, b=False))]
    for value in found:
        assert isinstance(value, (dict, int, float, str))
        found += value.values() if isinstance(value, dict) else []


def test_seeds_are_averaged_and_their_deviation_is_the_samples() -> None:
    second = [(u, f, 1, label, label) for u, f, _, label, _ in ONE_SEED]
    found = summary(table(*ONE_SEED, *second))
    assert found["ua"] == 0.75
    assert found["seeds"]["1"]["ua"] == 1.0
    assert found["std"]["ua"] == pytest.approx(np.std([0.5, 1.0], ddof=1), abs=1e-6)
    assert found["folds"]["f1"] == {"ua": 0.75, "wa": 0.75, "macro_f1": 0.666667, "utterances": 2}


def test_other_rules_stand_apart_and_do_not_count() -> None:
    oracle = table(*[(u, f, s, label, label) for u, f, s, label, _ in ONE_SEED], rule="oracle_test")
    found = summary(pd.concat([table(*ONE_SEED), oracle]))
    assert found["ua"] == 0.5
    assert found["compared"]["oracle_test"]["ua"] == 1.0
    assert list(found["compared"]) == ["oracle_test"]


def test_a_rule_without_predictions_is_refused() -> None:
    with pytest.raises(PredictionError, match=r"no predictions selected by held_out.*last_epoch"):
        summary(table(*ONE_SEED, rule="last_epoch"))


def test_the_demo_scores_congruent_and_incongruent_utterances_apart() -> None:
    found = summary(table(*ONE_SEED), manifest(a=True, b=True, d=True, e=False))
    assert found["congruence"]["congruent"]["ua"] == 0.5
    assert found["congruence"]["incongruent"] == {
        "ua": 0.0, "wa": 0.0, "macro_f1": 0.0, "utterances": 1
    }  # fmt: skip


def test_other_corpora_have_no_congruence() -> None:
    assert "congruence" not in summary(table(*ONE_SEED), manifest(a=None, b=None, d=None, e=None))


def test_numbers_are_rounded_and_plain() -> None:
    text = json.dumps(summary(table(*ONE_SEED, ("g", "f1", 0, "c", "t"))), allow_nan=False)
    assert all(len(number.partition(".")[2].rstrip("},")) <= 6 for number in text.split())


def test_order_of_rows_does_not_matter() -> None:
    assert summary(table(*ONE_SEED)) == summary(table(*ONE_SEED[::-1]))


def test_every_plot_has_the_columns_and_the_template_that_dvc_yaml_names(checkout: Path) -> None:
    predictions = table(*ONE_SEED)
    tables = {
        "predicted.csv": confusion_table(predictions, "held_out"),
        "folds.csv": folds_table(summary(predictions)),
    }
    stages = yaml.safe_load((checkout / "dvc.yaml").read_text("utf-8"))["stages"]
    plots = {k.rpartition("/")[2]: v for p in stages["evaluate"]["plots"] for k, v in p.items()}
    assert set(plots) == set(tables)
    for name, plot in plots.items():
        # As DVC renders it; raises where a column or the template is missing.
        points = [{**row, "rev": "workspace"} for row in tables[name].to_dict("records")]
        own = {"template": plot["template"].replace("${labels.target}", "classes")}
        folder = checkout / ".dvc" / "plots"
        filled = VegaRenderer(points, name, **plot | own, template_dir=folder).get_filled_template()
        assert json.dumps(plot["x"]) in json.dumps(filled)


def test_confusion_lists_the_decisions_of_the_rule_that_counts() -> None:
    both = pd.concat([table(*ONE_SEED), table(*ONE_SEED, rule="last_epoch")])
    confusion = confusion_table(both, "held_out")
    assert list(zip(confusion["actual"], confusion["predicted"], strict=True)) == [
        ("calm", "calm"), ("tense", "calm"), ("calm", "calm"), ("calm", "tense")
    ]  # fmt: skip


def test_folds_table_has_one_bar_a_fold_whatever_the_seeds() -> None:
    second = [(u, f, 1, label, label) for u, f, _, label, _ in ONE_SEED]
    assert folds_table(summary(table(*ONE_SEED, *second)))["fold"].tolist() == ["f1", "f2"]
