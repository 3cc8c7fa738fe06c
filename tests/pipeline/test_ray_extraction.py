"""Extraction on a Ray cluster whose workers are killed: rows and digests as on one machine."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfsn.features.ray.job import STOP
from mfsn.store.digest import Digest
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify

pytestmark = pytest.mark.xdist_group("ray")

CHECKOUT = Path(__file__).parents[2]
ROWS, ROWS_PER_SHARD, COMPARED = 40, 4, 2
IN_FLIGHT = 2 * ROWS_PER_SHARD
"""Rows that a worker may have in hand."""
LONG_S = 600.0
"""A ceiling for the end of a program, however busy the machine is."""


PROGRAM = [sys.executable, "-W", "error", "-m"]
ENVIRONMENT = {**os.environ, "MFSN_THREADS": "1", "OMP_NUM_THREADS": "1"}

Ended = tuple[int, str]
"""Exit status, and what was said on standard error."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the same extraction on this machine alone."""
    root = tmp_path_factory.mktemp("local")
    assert on_one_machine(root) == (0, "")
    return root


@pytest.fixture
def start(tmp_path: Path, cluster: str, start_group: Any) -> Callable[[], subprocess.Popen[str]]:
    """Starts the extraction on the cluster, into the folder of the test."""
    command = [*PROGRAM, "tests.pipeline.toy_on_ray", str(tmp_path), cluster]
    return functools.partial(
        start_group, command, cwd=CHECKOUT, env=ENVIRONMENT, stderr=subprocess.PIPE
    )


@pytest.fixture
def on_ray(start: Callable[[], subprocess.Popen[str]]) -> Callable[[], Ended]:
    """Runs the extraction on the cluster, into the folder of the test."""

    def run() -> Ended:
        process = start()
        _, said = process.communicate(timeout=LONG_S)
        return process.returncode, said

    return run


def on_one_machine(root: Path) -> Ended:
    command = [*PROGRAM, "tests.pipeline.toy_extraction", str(root)]
    done = subprocess.run(
        command,
        check=False,
        cwd=CHECKOUT,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LONG_S,
    )
    return done.returncode, done.stderr


def lay_fuses(root: Path, *moments: str) -> None:
    (root / "fuses").mkdir()
    for number, moment in enumerate(moments):
        (root / "fuses" / f"{moment}-{number}").touch()


def computed(root: Path) -> int:
    return (root / "computed").stat().st_size if (root / "computed").exists() else 0


def workers(root: Path) -> list[int]:
    """The processes of workers that are alive."""
    numbers = [int(path.name) for path in (root / "workers").glob("*")]
    return [number for number in numbers if Path("/proc", str(number)).exists()]


def committed(root: Path) -> int:
    return verify(root, extractor="mfcc").rows


def assert_same(root: Path, local: Path) -> None:
    """Digest and rows have the bytes of the local run, each row once, nothing left over."""
    assert (root / "all.json").read_bytes() == (local / "all.json").read_bytes()
    digest = Digest.read(root / "all.json")
    ours, theirs = Store(root, digest.spec), Store(local, digest.spec)
    keys = list(digest.rows.values())
    for name, rows in theirs.read(keys).items():
        np.testing.assert_array_equal(ours.read(keys)[name].view(np.uint8), rows.view(np.uint8))
    report = verify(root, extractor="mfcc")
    assert (report.problems, report.rows) == ((), ROWS)
    assert_nothing_left_over(root, local)


def assert_nothing_left_over(root: Path, local: Path) -> None:
    """Nothing beside what the local run left, and the days of last use, which each run notes."""
    directory = Digest.read(local / "all.json").store
    assert {path.name for path in (root / directory).iterdir()} - {".used"} == {
        path.name for path in (local / directory).iterdir()
    } - {".used"}
    assert not list(root.rglob("*.partial"))


def test_rows_are_those_of_one_machine(tmp_path: Path, on_ray: Any, local: Path) -> None:
    status, said = on_ray()
    assert status == 0, said
    assert computed(tmp_path) == ROWS
    assert len(list((tmp_path / "workers").glob("*"))) == 2
    assert_same(tmp_path, local)


def test_the_shards_of_killed_workers_are_computed_again(
    tmp_path: Path, on_ray: Any, local: Path
) -> None:
    moments = ("starting", "computing", "sums", "peak", "written")
    lay_fuses(tmp_path, *moments)
    status, said = on_ray()
    assert status == 0, said
    assert said.count("a Ray worker died; another one takes its place") == len(moments)
    assert not list((tmp_path / "fuses").iterdir())
    assert computed(tmp_path) <= ROWS + len(moments) * IN_FLIGHT
    assert_same(tmp_path, local)


def test_workers_killed_at_random_moments(tmp_path: Path, start: Any, local: Path) -> None:
    moments, kills = random.Random(0), 0
    process = start()
    while process.poll() is None:
        time.sleep(moments.uniform(0, 0.2))
        for worker in workers(tmp_path)[:1] if kills < 2 else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                kills += 1
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert kills
    assert_same(tmp_path, local)


def test_rows_that_kill_every_worker_end_in_one_sentence(
    tmp_path: Path, on_ray: Any, local: Path
) -> None:
    (tmp_path / "poison").touch()
    status, said = on_ray()
    assert status == 1
    last = said.splitlines()[-1]
    assert last.startswith("3 Ray workers died at the same rows"), said
    assert "Traceback" not in said
    assert committed(tmp_path) == ROWS - ROWS_PER_SHARD
    assert_nothing_left_over(tmp_path, local)


def test_an_error_in_a_worker_is_that_of_one_machine(
    tmp_path: Path, on_ray: Any, local: Path
) -> None:
    lay_fuses(tmp_path, "disk")
    status, said = on_ray()
    assert status == 1
    assert said.splitlines()[-1] == "the disk of the test is full; free some space"
    assert "Traceback" not in said
    assert_nothing_left_over(tmp_path, local)


def test_a_mistake_in_a_worker_shows_where_it_is(tmp_path: Path, on_ray: Any) -> None:
    lay_fuses(tmp_path, "bug")
    status, said = on_ray()
    assert status == 1
    assert "ZeroDivisionError" in said
    assert "toy_on_ray.py" in said


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_driver_keeps_finished_shards(
    tmp_path: Path, start: Any, wait_until: Any, local: Path, sent: signal.Signals
) -> None:
    (tmp_path / "held").touch()
    process = start()
    wait_until(lambda: process.poll() is not None or committed(tmp_path) > 0)
    process.send_signal(sent)
    if sent == signal.SIGINT:  # the driver asks workers for what they have, and waits for it
        wait_until(lambda: process.poll() is not None or any(tmp_path.rglob(STOP)))
        (tmp_path / "held").unlink()
    process.communicate()
    assert process.returncode == (130 if sent == signal.SIGINT else -sent)
    kept = committed(tmp_path)
    assert 0 < kept < ROWS
    wait_until(lambda: not workers(tmp_path))
    before = computed(tmp_path)
    assert on_one_machine(tmp_path) == (0, "")
    assert computed(tmp_path) - before == ROWS - kept + min(kept, COMPARED)
    assert_same(tmp_path, local)
