"""Units on a Ray cluster whose workers are killed: results as on one machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("ray")

CHECKOUT = Path(__file__).parents[2]
MODULE = [sys.executable, "-W", "error", "-m", "tests.pipeline.toy_units_on_ray"]
WHOLE = [str(number) for number in range(10)]
LONG_S = 600.0
"""A ceiling for the end of a program, however busy the machine is."""


@pytest.fixture
def start(tmp_path: Path, cluster: str, start_group: Any) -> Callable[..., subprocess.Popen[str]]:
    """Starts units of toy_units_on_ray in the folder of the test."""

    def start(names: str, root: Path = tmp_path, **variables: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "MFSN_THREADS": "1", "MFSN_RAY": cluster, **variables}
        process: subprocess.Popen[str] = start_group(
            [*MODULE, str(root), names],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        return process

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, str], str]:
    """Exit status, the line of each unit, and what was said on standard error."""
    printed, said = process.communicate(timeout=LONG_S)
    return process.returncode, dict(re.findall(r"^(\S+): (.*)$", printed, re.MULTILINE)), said


def counted(root: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().split() for path in sorted(root.glob("counted/*-*"))}


def workers(root: Path) -> set[int]:
    """The processes in which units have begun, and that are alive."""
    numbers = {int(path.name) for path in (root / "workers").glob("[0-9]*")}
    return {number for number in numbers if Path("/proc", str(number)).exists()}


def test_units_run_in_workers_of_the_cluster(tmp_path: Path, start: Any) -> None:
    local, on_ray = tmp_path / "local", tmp_path / "ray"
    status, lines, said = ended(start("ccc", root=local, MFSN_RAY=""))
    assert (status, said, len(list((local / "workers").iterdir()))) == (0, "", 1)
    driver = start("ccc", root=on_ray)
    assert ended(driver)[:2] == (0, lines)
    assert counted(on_ray) == counted(local) == dict.fromkeys(lines, WHOLE)
    assert {path.read_text() for path in on_ray.glob("runs/*/done")} == {"1"}
    assert str(driver.pid) not in {path.name for path in (on_ray / "workers").iterdir()}
    assert not list(on_ray.rglob(".seen-*"))


def test_a_unit_goes_on_elsewhere_when_its_worker_is_killed(tmp_path: Path, start: Any) -> None:
    status, lines, said = ended(start("kcc"))
    assert status == 0, said
    assert said.count("a Ray worker died; another one takes its place") == 2
    assert lines["k-seed0"] == "counted from 6"
    assert counted(tmp_path) == dict.fromkeys(sorted(lines), WHOLE)
    began = [path.read_text() for path in (tmp_path / "workers").iterdir()]
    assert began.count("k-seed0") >= 1


def test_a_unit_that_kills_every_worker_ends_in_one_sentence(tmp_path: Path, start: Any) -> None:
    status, lines, said = ended(start("pcc"))
    assert status == 1
    assert said.splitlines()[-1].startswith("3 Ray workers died at the same unit"), said
    assert "Traceback" not in said
    assert "p-seed0" not in lines


def test_an_error_of_a_unit_is_that_of_one_machine(tmp_path: Path, start: Any) -> None:
    local = ended(start("f", root=tmp_path / "local", MFSN_RAY=""))
    assert local == (1, {}, "fold f: a sentence\n")
    assert ended(start("f", root=tmp_path / "ray")) == local


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_driver_leaves_no_workers(
    tmp_path: Path, start: Any, wait_until: Any, sent: signal.Signals
) -> None:
    process = start("ww")
    wait_until(lambda: process.poll() is not None or len(workers(tmp_path)) == 2)
    process.send_signal(sent)
    status, _, _ = ended(process)
    assert status == (-sent if sent == signal.SIGKILL else 130)
    wait_until(lambda: not workers(tmp_path))
