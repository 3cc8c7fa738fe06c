"""kill -9 in extract, search and train: the next `dvc repro` finishes it, to the same bytes."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from mfsn.base.sealed import read_sealed

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

LONG_S = 600.0
"""How long to wait for a state that is sure to come, however busy the machine is."""
EPOCHS, UNITS = 6, 3


def alone(stage: str) -> list[str]:
    """The command that runs a stage and no other."""
    return [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", stage]


def kill_when(project: Any, command: list[str], ready: Callable[[], bool]) -> None:
    """Start a command in a process group of its own and kill the group once `ready` says so."""
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment | {"MFSN_JOBS": "2"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + LONG_S
        while not ready() and process.poll() is None and time.monotonic() < give_up:
            time.sleep(0.002)
        reached, ended = ready(), process.poll() is not None
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may have ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert reached and not ended, "the stage ended, or took too long, before it could be killed"


@pytest.mark.parametrize("extractor", ["sec", "mfcc"])
def test_killed_while_extracting(project: Any, extractor: str) -> None:
    before, rows = project.outputs(), project.rows()
    shutil.rmtree(project.store / extractor)
    kill_when(
        project, alone(f"extract@{extractor}"),
        lambda: any(project.store.glob(f"{extractor}/*/*/c.*")),  # a shard, committed or not
    )  # fmt: skip
    project.run(*alone(f"extract@{extractor}"))
    project.repro()
    assert project.outputs() == before
    assert project.rows() == rows


@pytest.fixture(scope="module")
def longer(project: Any) -> Iterator[Any]:
    """The project with enough epochs to be killed between two, in a fit of train's own too."""
    as_before = (project.root / "params.yaml").read_text()
    project.set(optimisation__epochs=EPOCHS, train__network="derived")
    project.repro()
    yield project
    (project.root / "params.yaml").write_text(as_before)
    project.repro()


@pytest.mark.parametrize("stage", ["search", "train"])
def test_killed_while_training(longer: Any, stage: str) -> None:
    before = longer.outputs()
    shutil.rmtree(longer.store / "runs" / stage)
    kill_when(longer, alone(stage), lambda: any(checkpoints(longer, stage)))
    kept = epochs_kept(longer, stage)
    assert 0 < sum(kept) < UNITS * EPOCHS
    assert epochs_taken_up(longer, stage) == kept
    longer.repro()
    assert longer.outputs() == before


def checkpoints(project: Any, stage: str) -> list[Any]:
    return list(project.store.glob(f"runs/{stage}/*/work/*/state.pt"))


def epochs_kept(project: Any, stage: str) -> list[int]:
    """How many epochs each checkpoint holds."""
    paths = checkpoints(project, stage)
    states = [torch.load(io.BytesIO(read_sealed(path)), weights_only=True) for path in paths]
    return sorted(len(state["history"]) for state in states)


def epochs_taken_up(project: Any, stage: str) -> list[int]:
    """Finish the stage; the epochs after which it says that it goes on.

    One unit at a time, since only then the log of a unit is seen.
    """
    done = subprocess.run(
        alone(stage),
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(map(int, re.findall(r"going on after epoch (\d+)", done.stdout)))
