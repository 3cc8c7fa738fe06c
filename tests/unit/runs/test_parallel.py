"""Several units at once: the same bytes, clear failures, nobody left behind."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mfsn.errors import StoreBusyError, TrainingError
from mfsn.runs.parallel import run_units
from mfsn.store.lock import exclusive
from mfsn.systems.search import run_search
from mfsn.training.config import OptimisationConfig

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
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def wait_until(condition: Any, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


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


def test_a_failing_unit_stops_with_its_sentence(tmp_path: Path, work: Any) -> None:
    with pytest.raises(TrainingError, match=r"^fold f: a sentence$"):
        list(run_units(work.units(tmp_path, "fw"), work.ToyWork(), 2))
    started = [int(path.read_text()) for path in tmp_path.glob("*/pid")]
    wait_until(lambda: all(gone(pid) for pid in started))


def test_a_killed_worker_is_reported(tmp_path: Path, work: Any) -> None:
    with pytest.raises(TrainingError, match=r"a worker process was killed, .* fewer --jobs"):
        list(run_units(work.units(tmp_path, "kw"), work.ToyWork(), 2))
    assert (tmp_path / "k0" / "pid").exists()


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path, work: Any) -> None:
    spawn = multiprocessing.get_context("spawn")
    parent = spawn.Process(target=work.run_for_ever, args=(tmp_path,))
    parent.start()
    wait_until(lambda: len(list(tmp_path.glob("*/pid"))) == 2)
    started = [int(path.read_text()) for path in tmp_path.glob("*/pid")]
    parent.kill()
    parent.join()
    wait_until(lambda: all(gone(pid) for pid in started))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_said_beside_the_interrupt(
    tmp_path: Path, work: Any, number: signal.Signals
) -> None:
    """Of Python's resource tracker, that is, which outlives a killed process and counts."""
    script = f"import toy_work, pathlib; toy_work.run_interrupted(pathlib.Path({str(tmp_path)!r}))"
    search = Path(__file__).parent
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, process_group=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(search), *sys.path])},
    )  # fmt: skip
    wait_until(lambda: len(list(tmp_path.glob("*/pid"))) == 2)
    if number == signal.SIGKILL:
        parent.kill()
    else:
        os.killpg(parent.pid, number)  # as a terminal does, and Slurm
    _, said = parent.communicate(timeout=40)  # the pipe is open until the last process leaves
    assert said == ("" if number == signal.SIGKILL else "interrupted\n")


def test_nothing_is_said_at_the_end(tmp_path: Path) -> None:
    script = f"import toy_work, pathlib; toy_work.run_to_the_end(pathlib.Path({str(tmp_path)!r}))"
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ended.stderr == ""


def test_what_went_wrong_in_a_worker_is_shown_with_its_place(tmp_path: Path, work: Any) -> None:
    with pytest.raises(ZeroDivisionError) as raised:
        list(run_units(work.units(tmp_path, "zw"), work.ToyWork(), 2))
    assert "in _compute" in "".join(raised.value.__notes__)


def test_a_unit_that_another_process_computes_is_left_to_it(tmp_path: Path, work: Any) -> None:
    with exclusive(tmp_path / "d0"), pytest.raises(StoreBusyError, match="MFSN_WAIT"):
        list(run_units(work.units(tmp_path, "d"), work.ToyWork(), 1))


def test_a_unit_that_another_process_has_finished_meanwhile_is_taken(
    tmp_path: Path, work: Any
) -> None:
    (unit,) = work.units(tmp_path, "f")
    unit.folder.mkdir()
    (unit.folder / unit.result).touch()
    assert list(run_units([unit], work.ToyWork(), 1)) == [(unit, "computed by another process")]


def test_workers_write_to_the_log_and_draw_no_bars(
    tmp_path: Path, work: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mfsn")
    leader, terminal = pty.openpty()
    before = os.dup(2)
    os.dup2(terminal, 2)
    try:
        found = list(run_units(work.units(tmp_path, "ll"), work.ToyWork(), 2))
    finally:
        os.dup2(before, 2)
        for descriptor in (before, terminal, leader):
            os.close(descriptor)
    assert [line for _, line in found] == ["terminal True, for bars False"] * 2
    assert {"l0: going on", "l1: going on"} <= set(capfd.readouterr().out.splitlines())


def test_one_job_computes_in_this_process(tmp_path: Path, work: Any) -> None:
    torch.set_num_threads(2)
    ((_, line),) = run_units(work.units(tmp_path, "d"), work.ToyWork(), 1)
    assert line == "threads 1"
    assert int((tmp_path / "d0" / "pid").read_text()) == os.getpid()
    assert torch.get_num_threads() == 2


def test_an_operation_without_a_deterministic_algorithm_is_refused(
    tmp_path: Path, work: Any
) -> None:
    assert not torch.are_deterministic_algorithms_enabled()
    ((_, line),) = run_units(work.units(tmp_path, "r"), work.ToyWork(), 1)
    assert line == "refuses"
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_search_killed_by_the_system_goes_on_to_the_same_bytes(toy: Any) -> None:
    longer = QUICK.model_copy(update={"epochs": 6, "patience": 6})
    whole = toy(optimisation=longer, folder="whole")
    halved = toy(optimisation=longer, folder="halved")
    run_search(whole, 1, quiet)
    runs = whole.store / "runs"
    runs.rename(whole.store / "elsewhere")
    spawn = multiprocessing.get_context("spawn")
    search = spawn.Process(target=run_search, args=(halved, 1, print))
    search.start()
    wait_until(lambda: list(runs.rglob("state.pt")))
    search.kill()
    search.join()
    assert not halved.outputs.search.exists()
    finished = list(runs.glob("*/*/genotype.json"))
    assert len(finished) < 3
    lines: list[str] = []
    run_search(replace(halved), 1, lines.append)
    assert lines[-1].endswith(f"{len(finished)} from before")
    assert content(halved.outputs.search) == content(whole.outputs.search)
