"""The report page of an experiment that predicts dimensions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.base.files import read_json, write_json
from mfsn.corpora.config import LabelsConfig
from mfsn.evaluation.config import EvaluateConfig
from mfsn.evaluation.dimensions import summarise_dimensions
from mfsn.manifest import (
    LABEL,
    MEAN,
    PREDICTED,
    UTTERANCES,
    predictions_schema,
    read_table,
    write_table,
)
from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import read_run
from mfsn.workspace import Outputs

NAMES = ["valence", "arousal"]
RATED = LabelsConfig(classes=["angry", "sad"], target="dimensions")


def rate(outputs: Outputs, *, draws: int = 200) -> Outputs:
    """Make values of what a finished experiment of classes wrote."""
    manifest = read_table(outputs.manifest, UTTERANCES)
    random = np.random.default_rng(0)
    for name in NAMES:
        manifest[name] = random.uniform(1, 5, len(manifest))
    write_table(outputs.manifest, manifest, UTTERANCES)
    old = read_table(outputs.predictions)
    own = manifest.set_index("utterance_id").loc[old["utterance_id"], NAMES].to_numpy()
    table = old[["utterance_id", "fold", "seed", "selection", "label", "run"]]
    for index, name in enumerate(NAMES):
        said = 3 + 0.5 * (own[:, index] - 3) + random.normal(0, 0.2, len(own))
        columns = {LABEL: own[:, index], PREDICTED: said, MEAN: np.full(len(own), 3.0)}
        table = table.assign(**{kind + name: values for kind, values in columns.items()})
    schema = predictions_schema([], NAMES)
    write_table(outputs.predictions, table[schema.names], schema)
    config = EvaluateConfig(interval_draws=draws)
    scores = summarise_dimensions(table, manifest, NAMES, "held_out", config)
    write_json(outputs.scores, scores)
    about = outputs.models / "run.json"
    write_json(about, read_json(about) | {"dimensions": NAMES})
    excluded = outputs.prepared / "excluded.json"
    write_json(excluded, read_json(excluded) | {"unrated": ["voice9_98"]})
    return outputs


def page_of(outputs: Outputs) -> str:
    return render_page(read_run(outputs, {"labels": RATED}))


@pytest.fixture
def rated(experiment: Outputs) -> Outputs:
    return rate(experiment)


def test_the_page_has_scores_of_dimensions_and_no_classes(rated: Outputs) -> None:
    page, scores = page_of(rated), read_json(rated.scores)
    for score in ("ccc", "mse"):
        assert f"{scores[score]:.3f}" in page
        for name in NAMES:
            assert f"{scores[f'{score}_{name}']:.3f}" in page
    assert f"{scores['predict_the_mean']['mse']:.3f}" in page
    for title in ("<h2>Confusion", "Most confident mistakes", ">UA<"):
        assert title not in page


def test_the_page_states_the_unit_and_what_selection_looked_at(rated: Outputs) -> None:
    page = page_of(rated)
    labels = read_table(rated.manifest)[NAMES].to_numpy()
    low, high = labels.min(), labels.max()
    assert f"in the unit of the corpus ratings (labels from {low:.4g} to {high:.4g})" in page
    assert "best mean CCC on development data" in page
    assert "mean value of an utterance&#39;s segments; segments count equally" in page
    assert "Without a rating, left out" in page
    assert "voice9_98" in page


def test_the_page_says_what_the_intervals_are(rated: Outputs) -> None:
    page, ends = page_of(rated), read_json(rated.scores)["intervals"]["ccc"]
    assert f"({ends['low']:.3f} to {ends['high']:.3f})" in page
    assert "a percentile bootstrap with 200 draws of the 6 speakers that were tested" in page


def test_without_draws_there_is_no_interval(experiment: Outputs) -> None:
    page = page_of(rate(experiment, draws=0))
    assert "bootstrap" not in page
    assert "CCC, pooled" in page


def test_each_dimension_has_a_figure_and_the_largest_errors_a_list(rated: Outputs) -> None:
    page = page_of(rated)
    assert page.count('aria-label="Predicted values against labels, ') == len(NAMES)
    predictions = read_table(rated.predictions)
    predictions = predictions[predictions["selection"] == "held_out"]
    squares = [(predictions[f"label_{n}"] - predictions[f"predicted_{n}"]) ** 2 for n in NAMES]
    error = np.sqrt(pd.concat(squares, axis=1).mean(axis=1))
    worst = predictions.loc[error.idxmax(), "utterance_id"]
    first = page[page.index("<h2>Largest errors") :]
    listed = first[first.index("<tbody>") : first.index("</tr>", first.index("<tbody>"))]
    assert str(worst).replace("<", "&lt;").split('"')[0] in listed
    assert f"{error.max():.3f}" in listed


def test_names_from_data_are_escaped_and_bytes_repeat(rated: Outputs) -> None:
    page = page_of(rated)
    assert "<script>alert" not in page
    assert page == page_of(rated)


@pytest.mark.parametrize("classical", [True, False])
def test_learning_curves_or_costs_are_of_ccc(
    finished: Outputs, tmp_path: Path, classical: bool
) -> None:
    shutil.copytree(finished.workspace, tmp_path, dirs_exist_ok=True)
    outputs = rate(Outputs(tmp_path, "demo", "mfsn"), draws=0)
    shutil.rmtree(outputs.search)
    score = {"ccc": 0.4321, "mse": 0.9, "loss": 1.0}
    for folder in outputs.models.glob("*/"):
        record, history = read_json(folder / "model.json"), read_json(folder / "history.json")
        cost: dict[str, Any] = {"c": 0.1, "converged": True, "dev": score} if classical else {}
        write_json(folder / "model.json", record | cost)
        history = history[:2]
        for entry in history:
            entry["dev"] = dict.fromkeys(entry["dev"], score)
        write_json(folder / "history.json", history)
    if classical:
        path = outputs.models / "run.json"
        write_json(path, read_json(path) | {"fitted": "ridge regression"})
    page = page_of(outputs)
    assert "mean CCC on development data for each SEC level" in page
    assert ("ridge regression" in page) == classical
    assert ("0.432" in page) == classical
