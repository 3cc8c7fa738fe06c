"""`mfsn guidance` after a run, as its user calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("project")]


def test_the_test_utterances_of_every_fold_are_looked_at(project: Any, tmp_path: Path) -> None:
    done = project.run("mfsn", "guidance", "--sample", "3", "--out", str(tmp_path))
    table = pd.read_csv(tmp_path / "guidance.csv")
    assert len(table) == 3 * 3 * 2 * 2  # folds, utterances, streams, quantities
    assert table.groupby("fold")["utterance_id"].nunique().tolist() == [3, 3, 3]
    assert set(table["stream"]) == {"sec", "tec"}
    own = table.dropna(subset=["correlation"])["correlation"]
    assert len(own) and own.between(-1, 1).all()
    assert (tmp_path / "guidance.png").stat().st_size > 10_000
    assert "9 of 9" in done.stdout or "of 9" in done.stdout
