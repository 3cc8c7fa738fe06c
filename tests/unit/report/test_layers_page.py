"""The report of linear probes: every layer, with what was chosen and what only describes."""

from __future__ import annotations

import json
import re

import pytest

from mfsn.base.files import read_json, write_json
from mfsn.corpora.config import LabelsConfig
from mfsn.report.experiment.layers import layer_curves, layer_weights, layers
from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import Run, read_run
from mfsn.systems.linear.layer_statistics_config import ALL_LEVELS
from mfsn.workspace import Outputs


@pytest.fixture
def probe(experiment_without_search: Outputs) -> Run:
    """Three folds and two seeds; the test score is a tenth above the development score."""
    outputs = experiment_without_search
    about = {"system": "probe", "title": "probe", "fitted": "logistic regression", "parameters": {}}
    path = outputs.models / "run.json"
    write_json(path, read_json(path) | about)
    for number, folder in enumerate(sorted(outputs.models.glob("*-seed*"))):
        model = read_json(folder / "model.json")
        del model["levels"]
        dev = {"ua": 0.5, "wa": 0.5}
        chosen = {"level": f"layer_0{number % 2}", "c": 0.1, "converged": True, "dev": dev}
        write_json(folder / "model.json", model | chosen)
        scored = [
            {
                "level": f"layer_0{layer}",
                "c": 0.1,
                "dev": {"ua": 0.1 * number + 0.1 * layer},
                "test": {"ua": 0.1 * number + 0.1 * layer + 0.1},
            }
            for layer in range(3)
        ]
        write_json(folder / "levels.json", {"note": "descriptive", "levels": scored})
    return read_run(outputs, {"labels": LabelsConfig(classes=["angry", "sad"])})


def test_rows_are_means_and_count_what_was_chosen(probe: Run) -> None:
    rows = layers(probe)
    assert [row["level"] for row in rows] == ["layer_00", "layer_01", "layer_02"]
    assert [row["chosen"] for row in rows] == [3, 3, 0]
    assert [round(row["dev"]["ua"], 6) for row in rows] == [0.25, 0.35, 0.45]
    assert [round(row["test"]["ua"], 6) for row in rows] == [0.35, 0.45, 0.55]


def test_the_page_says_that_test_scores_are_descriptive(probe: Run) -> None:
    page = render_page(probe)
    section = page[page.index("Probes of each layer") :]
    section = section[: section.index("</section>")]
    assert "Test UA (descriptive)" in section
    assert "nothing was chosen by them" in section
    assert re.findall(r"<th scope=\"row\">(layer_\d+)</th>", section) == [
        "layer_00", "layer_01", "layer_02",
    ]  # fmt: skip
    assert section.count("<svg") == 1
    assert "The C that was chosen for logistic regression" in page


def test_all_levels_together_are_a_row_of_the_table_but_no_layer_of_the_figure(probe: Run) -> None:
    rows = layers(probe)
    joined = {**rows[-1], "level": ALL_LEVELS}
    assert layer_curves([*rows, joined], 0.25) == layer_curves(rows, 0.25)
    assert layer_curves([*rows, joined | {"level": "layer_03"}], 0.25) != layer_curves(rows, 0.25)


def test_other_systems_have_no_such_section(experiment_without_search: Outputs) -> None:
    run = read_run(experiment_without_search, {})
    assert layers(run) == []
    assert "Probes of each layer" not in render_page(run)


def test_the_figure_is_the_same_each_time(probe: Run) -> None:
    first, second = (layer_curves(layers(probe), 0.25) for _ in range(2))
    assert first == second
    assert json.dumps(first).count("<svg") == 1


def test_the_weights_of_layers_are_means_over_the_fits(experiment_without_search: Outputs) -> None:
    outputs = experiment_without_search
    folders = sorted(outputs.models.glob("*-seed*"))
    for number, folder in enumerate(folders):
        weight = (number + 1) / 10
        learnt = [{"level": "low", "weight": weight}, {"level": "high", "weight": 1 - weight}]
        write_json(folder / "layer_weights.json", {"layers": learnt})
    run = read_run(outputs, {})
    low, high = layer_weights(run)
    count = len(folders)
    assert low["mean"] == pytest.approx((count + 1) / 20)
    assert (low["least"], low["most"]) == (0.1, count / 10)
    assert high["level"] == "high"
    page = render_page(run)
    section = page[page.index("Weight of each layer") :].partition("</section>")[0]
    assert "Equal weights would be 50.0 %" in section
    assert section.count("<tr>") == 3
