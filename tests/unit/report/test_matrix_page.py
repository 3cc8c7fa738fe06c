"""The matrix of training and test corpora in the report page."""

from __future__ import annotations

import re

from mfsn.base.files import read_json, write_json
from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import read_run
from mfsn.workspace import Outputs

CELLS = {
    ("one", "one"): 0.9,
    ("one", "<two>"): 0.25,
    ("<two>", "one"): 0.3,
    ("<two>", "<two>"): 0.5,
}


def page_of(outputs: Outputs) -> str:
    return render_page(read_run(outputs, {}))


def test_corpora_that_were_crossed_are_a_matrix(experiment: Outputs) -> None:
    cells = [{"train": a, "test": b, "ua": ua, "utterances": 7} for (a, b), ua in CELLS.items()]
    write_json(experiment.scores, read_json(experiment.scores) | {"matrix": cells})
    section = page_of(experiment).partition("<h2>Across corpora</h2>")[2].partition("</table>")[0]
    assert re.findall(r"<b>([\d.]+)</b>", section) == ["90.0", "25.0", "30.0", "50.0"]
    assert re.findall(r'class="([a-z ]*)" style', section) == ["dark own", "", "", " own"]
    assert re.findall(r'<th scope="col">(.+?)</th>', section) == ["one", "&lt;two&gt;"]
    assert "Chance is 25.0" in section


def test_a_pair_that_no_fold_tests_leaves_its_cell_empty(experiment: Outputs) -> None:
    cells = [
        {"train": "one", "test": name, "ua": 0.5, "utterances": 7} for name in ("two", "three")
    ]
    cells.append({"train": "four", "test": "three", "ua": 0.25, "utterances": 7})
    write_json(experiment.scores, read_json(experiment.scores) | {"matrix": cells})
    section = page_of(experiment).partition("<h2>Across corpora</h2>")[2].partition("</table>")[0]
    assert re.findall(r'<th scope="col">(.+?)</th>', section) == ["two", "three"]
    rows = [re.findall(r"<td[^>]*>(?:<b>([\d.]+))?", row) for row in section.split("<tr>")[2:]]
    assert rows == [["50.0", "50.0"], ["", "25.0"]]


def test_a_fold_that_counts_in_no_mean_is_in_no_table(experiment: Outputs) -> None:
    scores = read_json(experiment.scores)
    del scores["folds"]["session1"]
    write_json(experiment.scores, scores)
    run = read_run(experiment, {})
    assert set(run.predictions["fold"]) == {"session2", "session3"}


def test_other_protocols_have_no_matrix(experiment: Outputs) -> None:
    assert "Across corpora" not in page_of(experiment)
