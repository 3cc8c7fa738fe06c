"""Search and train on a Ray cluster: the same bytes as on one machine."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mfsn.systems.search import run_search
from mfsn.systems.train import run_train
from mfsn.training.config import OptimisationConfig, TrainConfig

pytestmark = pytest.mark.xdist_group("ray")

QUICK = OptimisationConfig(epochs=2, batch_size=16, lr=0.01)
LONG_S = 600.0
"""A ceiling for the end of a program, however busy the machine is."""
SCRIPT = """
import pathlib, pickle, sys
from mfsn.systems.search import run_search
from mfsn.systems.train import run_train
experiment = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())
run_search(experiment, 1)
run_train(experiment, 1)
"""


def content(folder: Path) -> dict[str, bytes]:
    results = folder / "data" / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for path in sorted(results.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("system", ["mfsn", "probe"])
def test_search_and_train_on_a_cluster(
    tmp_path: Path, cluster: str, toy: Any, start_group: Any, system: str
) -> None:
    # Weights are made anew, so that `train` has fits of its own.
    fields = {"optimisation": QUICK, "system": system, "train": TrainConfig(network="derived")}
    here, there = toy(**fields, folder="here"), toy(**fields, folder="there")
    run_search(here, 1, lambda line: None)
    run_train(here, 1, lambda line: None)
    (here.store / "runs").rename(tmp_path / "finished here")
    (tmp_path / "experiment").write_bytes(pickle.dumps(there))
    process = start_group(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "experiment")],
        env={**os.environ, "MFSN_RAY": cluster},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    printed, said = process.communicate(timeout=LONG_S)
    assert process.returncode == 0, said
    assert "train: 3 units, 3 computed now" in printed
    assert content(tmp_path / "there") == content(tmp_path / "here")
    assert len(content(tmp_path / "here")) > 3
