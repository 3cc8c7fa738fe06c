"""Several units at once: the same bytes, clear failures, nobody left behind."""

from __future__ import annotations

import contextlib
import importlib
import logging
import multiprocessing
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mfsn.errors import ConfigError, StoreBusyError, TrainingError
from mfsn.runs.parallel import run_units
from mfsn.runs.work import Needs
from mfsn.store.lock import exclusive
from mfsn.systems.search import run_search
from mfsn.training.config import OptimisationConfig

LONG_S = 600.0
"""A ceiling for the end of a process that is sure to come, however busy the machine is."""
QUICK = OptimisationConfig(epochs=2, batch_size=16, lr=0.01)


def quiet(line: str) -> None:
    """Takes lines meant for the terminal."""


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module toy_work, which spawned processes can import too."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("toy_work")


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def started(folder: Path) -> list[int]:
    """The processes in which units of toy_work have begun."""
    return [int(path.read_text()) for path in folder.glob("*/pid")]


@pytest.fixture
def start_toy(start_group: Any, tmp_path: Path) -> Any:
    """Starts a function of toy_work with the test's folder, in a process group of its own."""

    def start(function: str) -> subprocess.Popen[str]:
        script = f"import toy_work, pathlib; toy_work.{function}(pathlib.Path({str(tmp_path)!r}))"
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        process: subprocess.Popen[str] = start_group(
            [sys.executable, "-c", script],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        return process

    return start


def test_two_at_once_write_the_same_bytes_as_one_after_the_other(toy: Any) -> None:
    one = toy(optimisation=QUICK)
    two = replace(toy(optimisation=QUICK, folder="two"), store=one.store.parent / "other store")
    one.store.rename(two.store)
    run_search(replace(two), 2, quiet)
    two.store.rename(one.store)
    (one.store / "runs").rename(one.store.parent / "finished elsewhere")
    run_search(one, 1, quiet)
    assert content(one.outputs.search) == content(two.outputs.search)
    assert len(content(one.outputs.search)) == 10


def test_a_failing_unit_stops_with_its_sentence(tmp_path: Path, work: Any, wait_until: Any) -> None:
    with pytest.raises(TrainingError, match=r"^fold f: a sentence$"):
        list(run_units(work.units(tmp_path, "fw"), work.ToyWork(), 2))
    wait_until(lambda: all(map(gone, started(tmp_path))))


def test_a_killed_worker_is_reported_and_the_others_leave(
    tmp_path: Path, work: Any, wait_until: Any
) -> None:
    with pytest.raises(TrainingError, match=r"a worker process was killed, .* fewer --jobs"):
        list(run_units(work.units(tmp_path, "kw"), work.ToyWork(), 2))
    assert (tmp_path / "k0" / "pid").exists()
    wait_until(lambda: all(map(gone, started(tmp_path))))


def test_workers_leave_when_nobody_asks_for_further_units(
    tmp_path: Path, work: Any, wait_until: Any
) -> None:
    finished = run_units(work.units(tmp_path, "dw"), work.ToyWork(), 2)
    unit, _ = next(finished)
    assert unit.folder.name == "d0"
    finished.close()  # type: ignore[attr-defined]
    wait_until(lambda: all(map(gone, started(tmp_path))))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupt_ends_the_workers_and_nothing_else_is_said(
    tmp_path: Path, start_toy: Any, wait_until: Any, number: signal.Signals
) -> None:
    """Python's resource tracker outlives a killed process, and would count what it left."""
    parent = start_toy("run_interrupted")
    wait_until(lambda: len(started(tmp_path)) == 2)
    if number == signal.SIGKILL:
        parent.kill()
    else:
        os.killpg(parent.pid, number)  # as a terminal does, and Slurm
    _, said = parent.communicate(timeout=LONG_S)  # the pipe is open until the last process leaves
    assert said == ("" if number == signal.SIGKILL else "interrupted\n")
    assert all(map(gone, started(tmp_path)))


def test_an_interrupt_of_the_parent_alone_ends_the_workers(
    tmp_path: Path, start_toy: Any, wait_until: Any
) -> None:
    parent = start_toy("run_interrupted")
    wait_until(lambda: len(started(tmp_path)) == 2)
    parent.send_signal(signal.SIGTERM)
    _, said = parent.communicate(timeout=LONG_S)
    assert said == "interrupted\n"
    assert all(map(gone, started(tmp_path)))


@pytest.mark.parametrize(("function", "jobs"), [("run_solver", 1), ("run_two_solvers", 2)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_solver_that_looks_at_no_signal_is_left_at_once(
    tmp_path: Path,
    start_toy: Any,
    wait_until: Any,
    function: str,
    jobs: int,
    number: signal.Signals,
) -> None:
    parent = start_toy(function)
    wait_until(lambda: len(started(tmp_path)) == jobs)
    time.sleep(0.2)  # they may solve by now or not; both end
    parent.send_signal(number)
    _, said = parent.communicate(timeout=LONG_S)  # the pipe is open until the last process leaves
    assert said == "interrupted\n"
    assert all(map(gone, started(tmp_path)))


def test_one_job_on_the_cpu_fails_with_the_sentence_of_its_unit(tmp_path: Path, work: Any) -> None:
    with pytest.raises(TrainingError, match="fold f: a sentence"):
        list(run_units(work.units(tmp_path, "f"), work.ToyWork(), 1, Needs(device="cpu")))


def test_nothing_is_said_at_the_end(tmp_path: Path, start_toy: Any) -> None:
    parent = start_toy("run_to_the_end")
    _, said = parent.communicate(timeout=LONG_S)
    assert (parent.returncode, said) == (0, "")


def test_what_went_wrong_in_a_worker_is_shown_with_its_place(tmp_path: Path, work: Any) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        list(run_units(work.units(tmp_path, "zw"), work.ToyWork(), 2))
    assert "in _compute" in "".join(traceback.format_exception(raised.value))


def test_a_unit_that_another_process_computes_is_left_to_it(tmp_path: Path, work: Any) -> None:
    with exclusive(tmp_path / "d0"), pytest.raises(StoreBusyError, match="MFSN_WAIT"):
        list(run_units(work.units(tmp_path, "d"), work.ToyWork(), 1))


def test_a_unit_that_another_process_has_finished_meanwhile_is_taken(
    tmp_path: Path, work: Any
) -> None:
    (unit,) = work.units(tmp_path, "f")
    unit.folder.mkdir()
    (unit.folder / unit.result).touch()
    unit.seal()
    assert list(run_units([unit], work.ToyWork(), 1)) == [(unit, "computed by another process")]


@contextlib.contextmanager
def terminal() -> Iterator[Callable[[], str]]:
    """A terminal in place of standard error; the function gives what was written to it."""
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 80))
    before = os.dup(2)
    os.dup2(follower, 2)

    def written() -> str:
        text = b""
        while select.select([leader], [], [], 0)[0]:
            text += os.read(leader, 4096)
        return text.decode()

    try:
        yield written
    finally:
        os.dup2(before, 2)
        for descriptor in (before, follower, leader):
            os.close(descriptor)


def test_workers_write_to_the_log_and_draw_no_bars(
    tmp_path: Path, work: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mfsn")
    with terminal() as written:
        found = list(run_units(work.units(tmp_path, "ll"), work.ToyWork(), 2))
        assert written() == ""
    assert [line for _, line in found] == ["terminal True, device auto"] * 2
    assert {"l0: going on", "l1: going on"} <= set(capfd.readouterr().out.splitlines())


def test_fits_in_workers_draw_no_bars(toy: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with terminal() as written:
        run_search(toy(optimisation=QUICK), 2, quiet)
        assert written() == ""


def test_one_job_computes_in_this_process(tmp_path: Path, work: Any) -> None:
    torch.set_num_threads(2)
    ((_, line),) = run_units(work.units(tmp_path, "d"), work.ToyWork(), 1)
    assert line.startswith("threads 1, of other libraries [1]")
    assert started(tmp_path) == [os.getpid()]
    assert torch.get_num_threads() == 2
    assert os.environ["OMP_NUM_THREADS"] == "1"  # as tests/conftest.py has set it


@pytest.mark.parametrize(
    ("asked", "jobs", "line"),
    [
        (Needs(), 2, "threads 1, of other libraries [1], device auto"),
        (Needs(threads=3), 1, "threads 3, of other libraries [3], device auto"),
        (Needs(threads=None, device="cpu"), 1, "threads 5, of other libraries [5], device cpu"),
        (Needs(threads=None, device="cpu"), 2, "threads 2, of other libraries [2], device cpu"),
    ],
)
def test_the_work_chooses_threads_and_device(
    tmp_path: Path,
    work: Any,
    monkeypatch: pytest.MonkeyPatch,
    asked: Needs,
    jobs: int,
    line: str,
) -> None:
    monkeypatch.setenv("MFSN_THREADS", "5")
    monkeypatch.delenv("MFSN_DEVICE", raising=False)
    found = list(run_units(work.units(tmp_path, "dd"), work.ToyWork(), jobs, asked))
    assert [said for _, said in found] == [line] * 2
    assert "MFSN_DEVICE" not in os.environ


def test_threads_that_are_no_number_are_told_before_anything_runs(
    tmp_path: Path, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_THREADS", "many")
    with pytest.raises(ConfigError, match="MFSN_THREADS=many"):
        list(run_units(work.units(tmp_path, "dd"), work.ToyWork(), 2, Needs(threads=None)))
    assert not started(tmp_path)


def test_an_operation_without_a_deterministic_algorithm_is_refused(
    tmp_path: Path, work: Any
) -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    ((_, line),) = run_units(work.units(tmp_path, "r"), work.ToyWork(), 1)
    assert line == "refuses, device auto"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_search_killed_by_the_system_goes_on_to_the_same_bytes(toy: Any, wait_until: Any) -> None:
    longer = QUICK.model_copy(update={"epochs": 6, "patience": 6})
    whole = toy(optimisation=longer, folder="whole")
    halved = toy(optimisation=longer, folder="halved")
    run_search(whole, 1, quiet)
    runs = whole.store / "runs"
    runs.rename(whole.store / "elsewhere")
    spawn = multiprocessing.get_context("spawn")
    search = spawn.Process(target=run_search, args=(halved, 1, print))
    search.start()
    try:
        wait_until(lambda: list(runs.rglob("state.pt")))
    finally:
        search.kill()
        search.join()
    assert not halved.outputs.search.exists()
    finished = list(runs.glob("*/*/genotype.json"))
    assert len(finished) < 3
    lines: list[str] = []
    run_search(replace(halved), 1, lines.append)
    assert lines[-1].endswith(f"{len(finished)} from before")
    assert content(halved.outputs.search) == content(whole.outputs.search)
