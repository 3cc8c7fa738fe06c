"""kill -9 in extract, search and train: the next `dvc repro` finishes it, to the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

PATIENCE_S = 120


def kill_when(project: Any, command: list[str], ready: Callable[[], bool]) -> None:
    """Start a command in a process group of its own and kill the group once `ready` says so."""
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    give_up = time.monotonic() + PATIENCE_S
    while not ready() and process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.01)
    assert process.poll() is None, "the stage ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def forget(project: Any, *paths: str) -> None:
    """Remove outputs, DVC's memory of runs, and everything in the store below a folder."""
    shutil.rmtree(project.root / ".dvc" / "cache" / "runs", ignore_errors=True)
    for path in paths:
        shutil.rmtree(project.store / path, ignore_errors=True)


@pytest.mark.parametrize("stage", ["extract@sec", "extract@mfcc"])
def test_killed_while_extracting(project: Any, stage: str) -> None:
    before = project.outputs()
    folder = stage.partition("@")[2]
    forget(project, folder)
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", stage]
    kill_when(project, command, lambda: any(project.store.glob(f"{folder}/*/.lock")))
    project.dvc("repro", "--force", "--single-item", stage)
    project.repro()
    assert project.outputs() == before


@pytest.mark.parametrize("stage", ["search", "train"])
def test_killed_while_training(project: Any, stage: str) -> None:
    if stage == "train":  # a fit of its own, so that there is something to kill
        project.set(train__network="derived")
        project.repro()
    before = project.outputs()
    forget(project, f"runs/{stage}")
    command = [sys.executable, "-m", "dvc", "repro", "--force", "--single-item", stage]
    kill_when(project, command, lambda: units(project, stage) > 0)
    project.dvc("repro", "--force", "--single-item", stage)
    project.repro()
    assert project.outputs() == before
    if stage == "train":
        project.set(train__network="export")
        project.repro()


def units(project: Any, stage: str) -> int:
    """Files that units of a stage have written so far."""
    folder: Path = project.store / "runs" / stage
    return sum(path.is_file() for path in folder.rglob("*"))
