"""Work for worker processes, which import it by name: the folder is put on their path."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info
from tqdm import tqdm

from mfsn import runtime
from mfsn.base.files import write_text
from mfsn.errors import TrainingError
from mfsn.protocols.make import Fold
from mfsn.runs.parallel import run_units
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do, Needs, in_worker


def units(folder: Path, names: str) -> list[Unit]:
    """One unit per letter; the fold's name says what happens to it."""
    return [Unit(Fold(n, (), (), (), True), i, n, folder / f"{n}{i}", "done")
            for i, n in enumerate(names)]  # fmt: skip


@dataclass(frozen=True)
class ToyWork:
    """d: is done. f: fails. h: holds its thread in a solver. k: is killed.

    l: writes to the log and draws a progress bar. r: says what torch refuses.
    w: waits for ever. z: has a bug.
    """

    def open(self) -> Do:
        """Nothing to read."""
        device = os.environ.get(runtime.DEVICE_VARIABLE, "auto")
        return lambda unit: f"{_compute(unit)}, device {device}"


def _compute(unit: Unit) -> str:
    write_text(unit.folder / "pid", str(os.getpid()))
    for _ in tqdm(range(3), "a bar of a worker", disable=in_worker() or None):
        pass
    if unit.fold.name == "f":
        raise TrainingError("fold f: a sentence")
    if unit.fold.name == "l":
        logging.getLogger("mfsn.toy").info("%s: going on", unit.folder.name)
        return f"terminal {sys.stderr.isatty()}"
    if unit.fold.name == "r":
        return {2: "refuses", 1: "warns", 0: "allows"}[torch.get_deterministic_debug_mode()]
    if unit.fold.name == "h":
        _solve_for_ever()
    if unit.fold.name == "k":
        os.kill(os.getpid(), signal.SIGKILL)
    if unit.fold.name == "z":
        raise ZeroDivisionError
    while unit.fold.name == "w":
        time.sleep(0.05)
    others = {pool["num_threads"] for pool in threadpool_info()}
    return f"threads {torch.get_num_threads()}, of other libraries {sorted(others)}"


def _solve_for_ever() -> None:
    """liblinear, which does not look at signals."""
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(2000, 50)), rng.integers(0, 2, 2000)
    LinearSVC(dual=True, tol=1e-300, max_iter=10**9, C=1e4).fit(rows, labels)


def run_solver(folder: Path, jobs: int = 1) -> None:
    """Units in solvers: one in the process of the stage, or several in workers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        list(run_units(units(folder, "h" * jobs), ToyWork(), jobs, Needs(device="cpu")))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def run_two_solvers(folder: Path) -> None:
    """Two workers in solvers."""
    run_solver(folder, jobs=2)


def run_interrupted(folder: Path) -> None:
    """Two workers that wait, in a stage."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run_for_ever(folder)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def run_to_the_end(folder: Path) -> None:
    """Two workers that are done."""
    list(run_units(units(folder, "ddd"), ToyWork(), 2))


def run_for_ever(folder: Path) -> None:
    """Two workers that wait."""
    list(run_units(units(folder, "ww"), ToyWork(), 2))
