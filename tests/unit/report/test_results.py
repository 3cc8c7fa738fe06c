"""`mfsn results`: every finished run on one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mfsn.errors import DamagedFileError
from mfsn.report.results import COLUMNS, results, shown

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


@pytest.fixture
def experiments(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What DVC says of its experiments; the list may be filled."""
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr("dvc.api.exp_show", lambda **_: rows)
    return rows


@pytest.mark.usefixtures("experiments")
def test_the_outputs_of_the_workspace_with_their_intervals(tmp_path: Path) -> None:
    write(tmp_path, "one", UA)
    write(tmp_path, "rated", CCC)
    table = results(tmp_path)
    assert list(table.columns) == COLUMNS
    assert table["value"].tolist() == [0.5, 0.25]
    header, one, rated = shown(table)
    assert header == (
        "run", "corpus", "system", "encoders", "protocol", "folds x seeds", "score (95 %)", "WA"
    )  # fmt: skip
    assert one == (
        "one", "toy", "sec_tec", "whisper", "leave_one_speaker_out", "4 x 3",
        "UA 50.0 (41.0 to 59.0)", "62.5",
    )  # fmt: skip
    assert rated[-2:] == ("CCC 0.250", "")


def test_experiments_say_what_they_changed(
    tmp_path: Path, experiments: list[dict[str, Any]]
) -> None:
    base = {
        "typ": "baseline", "rev": "main", "Experiment": None, "ua": 0.5, "wa": 0.5,
        "system": "mfsn", "corpus.name": "demo", "protocol.name": "p", "model.hidden": 32.0,
        "sec.model": "random/a", "tec.model": "random/b", "data/code/train.json": "1",
    }  # fmt: skip
    other = base | {"typ": "branch_commit", "rev": "abc", "Experiment": "bold-cat", "ua": 0.75}
    other |= {"system": "classical", "model.hidden": 16.0, "data/code/train.json": "2"}
    failed = other | {"Experiment": None, "rev": "def", "ua": None, "wa": None, "system": "gone"}
    experiments += [base | {"rev": "workspace"}, base, other, failed]
    table = results(tmp_path)
    assert table["run"].tolist() == ["bold-cat", "def"]
    assert table["changed"].tolist() == [
        "system=classical, model.hidden=16.0", "system=gone, model.hidden=16.0"
    ]  # fmt: skip
    assert table["encoders"].tolist() == ["", ""]
    assert [row[4] for row in shown(table)] == ["score (95 %)", "UA 75.0", ""]


@pytest.mark.usefixtures("experiments")
def test_nothing_has_run(tmp_path: Path) -> None:
    assert results(tmp_path).empty
    folder = write(tmp_path, "at_work", UA)
    (folder / "models" / "run.json").unlink()
    assert results(tmp_path).empty


@pytest.mark.usefixtures("experiments")
@pytest.mark.parametrize("scores", [{}, [], {"ua": 0.5, "counts": {}}])
def test_damaged_scores_are_one_sentence(tmp_path: Path, scores: Any) -> None:
    write(tmp_path, "one", scores)
    with pytest.raises(DamagedFileError, match=r"scores\.json .* is damaged; delete both"):
        results(tmp_path)
