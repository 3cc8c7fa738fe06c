"""`mfsn results`: every finished run of the workspace is one row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfsn.errors import DamagedFileError
from mfsn.report.results.collect import results
from mfsn.report.results.row import COLUMNS

ABOUT = {
    "system": "sec_tec",
    "encoders": {"sec": {"model": "hub/whisper"}, "tec": {"model": "hub/whisper"}},
    "protocol": {"name": "leave_one_speaker_out"},
}
COUNTS = {"folds": 4, "seeds": 3}
UA = {"ua": 0.5, "wa": 0.625, "counts": COUNTS, "intervals": {"ua": {"low": 0.41, "high": 0.59}}}
CCC = {"ccc": 0.25, "counts": COUNTS, "intervals": {}}


def write(workspace: Path, experiment: str, scores: Any, about: Any = ABOUT) -> Path:
    folder = workspace / "data" / "results" / "toy" / experiment
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "run.json").write_text(json.dumps(about))
    (folder / "scores.json").write_text(json.dumps(scores))
    return folder


def test_the_outputs_of_the_workspace_with_their_intervals(tmp_path: Path) -> None:
    write(tmp_path, "one", UA)
    write(tmp_path, "rated", CCC)
    table = results(tmp_path)
    assert list(table.columns) == COLUMNS
    one, rated = table.drop(columns="finished").to_dict("records")
    assert list(one.values())[:-2] == [
        "one", "toy", "sec_tec", "whisper", "leave_one_speaker_out", 4, 3, "UA", 0.5, 0.41, 0.59,
        0.625,
    ]  # fmt: skip
    assert (rated["run"], rated["score"], rated["value"]) == ("rated", "CCC", 0.25)


def test_nothing_has_run(tmp_path: Path) -> None:
    assert results(tmp_path).empty
    folder = write(tmp_path, "at_work", UA)
    (folder / "models" / "run.json").unlink()
    assert results(tmp_path).empty


@pytest.mark.parametrize("scores", [{}, [], {"ua": 0.5, "counts": {}}])
def test_damaged_scores_are_one_sentence(tmp_path: Path, scores: Any) -> None:
    write(tmp_path, "one", scores)
    with pytest.raises(DamagedFileError, match=r"scores\.json .* is damaged; delete both"):
        results(tmp_path)
