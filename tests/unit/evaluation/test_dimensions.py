"""Predicted values: from segments to utterances, their scores, and what DVC plots."""

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
from mfsn.evaluation.classes import folds_table
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.dimensions import headline, scatter_table, summarise_dimensions
from mfsn.evaluation.metrics import concordance
from mfsn.evaluation.predictions import check_folds, mean_over_segments
from mfsn.manifest import predictions_schema, segment_predictions_schema, write_table
from mfsn.protocols.fold import Fold

NAMES = ["valence", "arousal"]
FOLDS = {"f1": 8, "f2": 6}


def segments(seeds: int = 1, rule: str = "held_out", lean: float = 0.7) -> pd.DataFrame:
    """Two segments an utterance, the second a quarter as long; arousal is followed, valence not."""
    random, records = np.random.default_rng(0), []
    for fold, count in FOLDS.items():
        for number in range(count):
            label = {"valence": random.normal(3), "arousal": random.normal(2)}
            for seed in range(seeds):
                for index, valid in enumerate((400, 100)):
                    said = {
                        "valence": 3 + random.normal(),
                        "arousal": 2 + lean * (label["arousal"] - 2) + 0.1 * random.normal(),
                    }
                    records.append(
                        {
                            "segment_id": f"{fold}{number}#{index}",
                            "utterance_id": f"{fold}{number}",
                            "valid_samples": valid,
                            "fold": fold,
                            "seed": seed,
                            "selection": rule,
                            "label": "calm",
                            "run": "r",
                            **{f"label_{name}": label[name] for name in NAMES},
                            **{f"predicted_{name}": said[name] for name in NAMES},
                            "mean_valence": 3.0,
                            "mean_arousal": 2.0 if fold == "f1" else 2.5,
                        }
                    )
    columns: list[str] = segment_predictions_schema([], NAMES).names
    return pd.DataFrame(records)[columns]


def manifest_of(table: pd.DataFrame) -> pd.DataFrame:
    own = table.drop_duplicates("utterance_id")
    names = {"label": "emotion", **{f"label_{name}": name for name in NAMES}}
    return own.rename(columns=names).assign(speaker=own["utterance_id"].str[-1])


def predictions(table: pd.DataFrame | None = None, **evaluate: Any) -> pd.DataFrame:
    config = EvaluateConfig.parse(evaluate, "test")
    return mean_over_segments(segments() if table is None else table, NAMES, config)


def summary(table: pd.DataFrame) -> dict[str, Any]:
    own = predictions(table)
    return summarise_dimensions(own, manifest_of(table), NAMES, "held_out", EvaluateConfig())


@pytest.mark.parametrize(("weigh", "weights"), [(False, [0.5, 0.5]), (True, [0.8, 0.2])])
def test_an_utterance_is_the_mean_of_its_segments(weigh: bool, weights: list[float]) -> None:
    table = segments()
    found = predictions(table, weigh_by_duration=weigh, aggregation="majority_vote")
    for name, own in table.groupby("utterance_id"):
        row = found[found["utterance_id"] == name].iloc[0]
        expected = np.average(own["predicted_arousal"], weights=weights)
        assert row["predicted_arousal"] == pytest.approx(expected)
        assert row["label_arousal"] == own["label_arousal"].iloc[0]


def test_the_tables_follow_their_schemas(tmp_path: Path) -> None:
    write_table(tmp_path / "segments.parquet", segments(), segment_predictions_schema([], NAMES))
    write_table(tmp_path / "utterances.parquet", predictions(), predictions_schema([], NAMES))


def test_the_headline_is_the_mean_over_folds_and_then_seeds() -> None:
    table = segments(seeds=2)
    found, own = summary(table), predictions(table)
    per_seed = []
    for _, of_seed in own.groupby("seed"):
        folds = [
            concordance(
                *(fold[[k + n for n in NAMES]].to_numpy() for k in ("label_", "predicted_"))
            )
            for _, fold in of_seed.groupby("fold")
        ]
        per_seed.append(np.mean(folds, axis=0))
    expected = np.mean(per_seed, axis=0)
    assert [found[f"ccc_{name}"] for name in NAMES] == pytest.approx(expected, abs=1e-6)
    assert found["ccc"] == pytest.approx(expected.mean(), abs=1e-6)
    assert found["std"]["ccc"] == pytest.approx(np.std(np.mean(per_seed, 1), ddof=1), abs=1e-6)
    assert found["counts"] == {"utterances": 14, "folds": 2, "seeds": 2}
    assert found["folds"]["f1"]["utterances"] == 8


def test_predicting_the_mean_is_what_must_be_beaten() -> None:
    found, own = summary(segments()), predictions()
    mean = found["predict_the_mean"]
    errors = (own["label_arousal"] - own["mean_arousal"]) ** 2
    expected = np.mean([fold.mean() for _, fold in errors.groupby(own["fold"])])
    assert mean["mse_arousal"] == pytest.approx(expected, abs=1e-6)
    assert (mean["ccc"], mean["ccc_arousal"]) == (0.0, 0.0)
    assert found["mse_arousal"] < mean["mse_arousal"] / 2
    # Over all folds its values vary, and agree with the labels by chance alone.
    assert abs(mean["pooled"]["ccc_arousal"]) < 0.5


def test_the_intervals_hold_their_scores() -> None:
    found = summary(segments(seeds=2))
    for name in ("ccc", "mse", "ccc_arousal", "mse_valence"):
        ends = found["intervals"][name]
        assert ends["low"] < found[name] < ends["high"]


def test_sums_over_clusters_are_the_scores_themselves() -> None:
    """With speakers that are copies of each other, whoever is drawn: the mean over folds."""
    table = segments()
    copies = [
        table.assign(
            **{c: table[c].str.replace("f", f"{s}f") for c in ("segment_id", "utterance_id")}
        )
        for s in "xy"
    ]
    both = pd.concat(copies, ignore_index=True)
    manifest = manifest_of(both)
    manifest["speaker"] = manifest["utterance_id"].str[0]
    own = predictions(both)
    found = summarise_dimensions(own, manifest, NAMES, "held_out", EvaluateConfig())
    for name in ("ccc", "mse", "ccc_valence", "mse_arousal"):
        ends = found["intervals"][name]
        assert ends["low"] == pytest.approx(found[name], abs=2e-6)
        assert ends["high"] == pytest.approx(found[name], abs=2e-6)


def test_other_rules_stand_apart() -> None:
    both = pd.concat([segments(), segments(rule="oracle_test", lean=1.0)], ignore_index=True)
    found = summary(both)
    assert list(found["compared"]) == ["oracle_test"]
    assert found["ccc"] == summary(segments())["ccc"] < found["compared"]["oracle_test"]["ccc"]


def test_dvc_compares_few_numbers() -> None:
    found = summary(segments(seeds=2))
    names = {f"{score}_{name}" for score in ("ccc", "mse") for name in NAMES}
    shown = headline(found)
    assert set(shown) == {"ccc", "mse", "ccc_std", "mse_of_the_mean", *names}
    assert shown["mse_of_the_mean"] == found["predict_the_mean"]["mse"]


def test_every_plot_has_the_columns_and_the_template_that_dvc_yaml_names(checkout: Path) -> None:
    found = summary(segments())
    tables = {
        "predicted.csv": scatter_table(predictions(), NAMES, "held_out"),
        "folds.csv": folds_table(found, "ccc"),
    }
    stages = yaml.safe_load((checkout / "dvc.yaml").read_text("utf-8"))["stages"]
    for plot in stages["evaluate"]["plots"]:
        ((path, entry),) = plot.items()
        name = path.rpartition("/")[2]
        own = {"template": entry["template"].replace("${labels.target}", "dimensions")}
        points = [{**row, "rev": "workspace"} for row in tables[name].to_dict("records")]
        folder = checkout / ".dvc" / "plots"
        filled = VegaRenderer(points, name, **entry | own, template_dir=folder)
        assert json.dumps(entry["x"]) in json.dumps(filled.get_filled_template())
    assert set(tables["predicted.csv"]["dimension"]) == set(NAMES)
    assert len(tables["predicted.csv"]) == sum(FOLDS.values()) * len(NAMES)


def test_coverage_looks_at_the_labels_of_dimensions() -> None:
    own, manifest = predictions(), manifest_of(segments())
    tested = own.groupby("fold")["utterance_id"].unique()
    folds = [Fold(str(name), (), (), tuple(ids), True) for name, ids in tested.items()]
    check_folds(own, manifest, folds, NAMES)
    with pytest.raises(PredictionError, match="other test utterances than the protocol"):
        check_folds(own[1:], manifest, folds, NAMES)
    manifest.loc[manifest["utterance_id"] == "f13", "arousal"] += 1
    with pytest.raises(PredictionError, match="other labels than the manifest"):
        check_folds(own, manifest, folds, NAMES)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("predicted_arousal", np.nan, "a value that is not finite"), ("segment_id", "f10#0", "twice")],
)
def test_values_that_cannot_be_used_are_refused(column: str, value: Any, words: str) -> None:
    table = segments()
    table.loc[1, column] = value
    with pytest.raises(PredictionError, match=words):
        predictions(table)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(PredictionError, match="empty"):
        predictions(segments().iloc[:0])
