"""`mfsn guidance` after a run, as its user calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]


def test_the_test_utterances_of_every_fold_are_looked_at(project: Any, tmp_path: Path) -> None:
    done = project.run("mfsn", "guidance", "--sample", "3", "--out", str(tmp_path))
    table = pd.read_csv(tmp_path / "guidance.csv")
    assert len(table) == 3 * 3 * 2 * 2  # folds, utterances, streams, quantities
    assert table.groupby("fold")["utterance_id"].nunique().tolist() == [3, 3, 3]
    assert set(table["stream"]) == {"sec", "tec"}
    own = table.dropna(subset=["correlation"])["correlation"]
    assert len(own) and own.between(-1, 1).all()
    assert (tmp_path / "guidance.png").stat().st_size > 10_000
    assert "sec     level" in done.stdout and "of 9" in done.stdout


def test_models_of_another_system_are_not_taken_for_its_own(project: Any, tmp_path: Path) -> None:
    before = (project.root / "params.yaml").read_bytes()
    project.set(system="coattention")
    done = project.run("mfsn", "guidance", "--out", str(tmp_path), check=False)
    (project.root / "params.yaml").write_bytes(before)
    assert done.returncode == 1
    assert "are of system mfsn, but params.yaml says coattention; run `dvc repro`" in done.stderr
    assert not list(tmp_path.iterdir())
