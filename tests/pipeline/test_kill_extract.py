"""Extractions that are killed, and several at once: rows and digests as if nothing had happened."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mfsn.store.digest import Digest
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify

PROGRAM = Path(__file__).with_name("toy_extraction.py")
ROWS, ROWS_PER_SHARD, COMPARED = 40, 4, 2
KILLS = 6


def start(root: Path, *arguments: str, wait_s: str = "0") -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), str(root), *arguments]
    environment = {**os.environ, "MFSN_WAIT": wait_s, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def run(root: Path, *arguments: str) -> int:
    process = start(root, *arguments)
    _, error = process.communicate()
    assert "Traceback" not in error
    return process.returncode


def computed(root: Path) -> int:
    return (root / "computed").stat().st_size if (root / "computed").exists() else 0


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of an extraction that nobody disturbed."""
    root = tmp_path_factory.mktemp("unkilled")
    assert run(root) == 0
    assert computed(root) == ROWS
    return root


def assert_same(root: Path, unkilled: Path) -> None:
    """Digest and rows have the bytes of the undisturbed run, each row once, nothing left over."""
    assert (root / "all.json").read_bytes() == (unkilled / "all.json").read_bytes()
    digest = Digest.read(root / "all.json")
    ours, theirs = Store(root, digest.spec), Store(unkilled, digest.spec)
    keys = list(digest.rows.values())
    for name, rows in theirs.read(keys).items():
        np.testing.assert_array_equal(ours.read(keys)[name].view(np.uint8), rows.view(np.uint8))
    report = verify(root, extractor="mfcc")
    assert (report.problems, report.rows) == ((), ROWS)
    assert not list(root.rglob("*.partial"))


@pytest.mark.parametrize(
    ("death", "kept"),
    [
        ("batch:6", {4, 8}),  # computing the third shard; the second may still be on its way
        ("rename:sums/c.2.0", {8}),  # the shard of the first array is written, but has no name
        ("rename:peak/c.2", {8}),  # the shard of the first array is there, the second's is not
        ("rename:000002.json", {8}),  # all shards are there, the marker is not
        ("renamed:000002.json", {12}),  # just committed
    ],
)
def test_a_kill_costs_at_most_the_shards_in_flight(
    tmp_path: Path, unkilled: Path, death: str, kept: set[int]
) -> None:
    """The one that is written, and the one that is computed meanwhile."""
    assert run(tmp_path, "all", death) == -signal.SIGKILL
    spec = Digest.read(unkilled / "all.json").spec
    there = len(Store(tmp_path, spec).committed())
    assert there in kept
    before = computed(tmp_path)
    assert before - there <= 2 * ROWS_PER_SHARD
    assert run(tmp_path) == 0
    assert computed(tmp_path) - before == ROWS - there + COMPARED
    assert_same(tmp_path, unkilled)


def test_kills_at_random_moments_in_every_phase(checkout: Path) -> None:
    """The shorter form of what benchmarks/RESULTS.md shows for 50 kills; it compares all rows."""
    command = [sys.executable, "benchmarks/kills.py", "--kills", str(KILLS)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    kills = dict(re.findall(r"^\| ([a-z ]+) \| (\d+) \|", done.stdout, re.MULTILINE))
    assert sum(map(int, kills.values())) == KILLS
    assert set(kills) == {"computing", "inside a shard write", "between shard and marker"}
    assert "0" not in kills.values()


def test_four_at_once_that_wait_compute_every_row_once(tmp_path: Path, unkilled: Path) -> None:
    processes = [start(tmp_path, wait_s="60") for _ in range(4)]
    for process in processes:
        _, error = process.communicate()
        assert process.returncode == 0, error
    assert computed(tmp_path) <= ROWS + 3 * COMPARED
    assert_same(tmp_path, unkilled)


def test_two_at_once_with_different_rows_lose_none(tmp_path: Path, unkilled: Path) -> None:
    processes = [start(tmp_path, part, wait_s="60") for part in ("first", "second")]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    assert run(tmp_path) == 0
    assert_same(tmp_path, unkilled)


def test_a_second_extraction_that_does_not_wait_is_told_in_one_sentence(
    tmp_path: Path, unkilled: Path
) -> None:
    spec = Digest.read(unkilled / "all.json").spec
    assert run(tmp_path, "first") == 0
    with Store(tmp_path, spec).writer():
        process = start(tmp_path)
        _, error = process.communicate()
    assert process.returncode == 1
    assert error.startswith(f"{tmp_path / spec.directory}: another process is writing")
    assert error.count("\n") == 1
