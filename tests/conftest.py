"""Fixtures for all tests."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHARED_VARIABLE = "MFSN_SHARED"

# Tests run side by side; each with all processors would only wait for the others.
for variable in ("OMP_NUM_THREADS", "MFSN_THREADS"):
    os.environ.setdefault(variable, "1")

# What a shell starts in the background ignores Ctrl-C, and so would every process that is started
# here: tests that interrupt one would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LONG_S = 600.0
"""How long tests wait for a state that is sure to come, however busy the machine is."""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_group() -> Iterator[Start]:
    """Starts a program in a process group of its own; what is left of it in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(command: list[str], **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, text=True, process_group=0, **options)
        started.append(process)
        return process

    yield start
    for process in started:
        with process, contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], Any]], None]:
    """Waits until a condition holds."""

    def wait(condition: Callable[[], Any]) -> None:
        end = time.monotonic() + LONG_S
        while not condition():
            assert time.monotonic() < end, "the state that the test waits for did not come"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of two processors; its tests belong to the xdist group `ray`."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "pipeline" / "ray_cluster_here.py")],
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the cluster did not start"
        yield address
        process.communicate(timeout=LONG_S)
    finally:
        with process, contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout under test."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_corpora(checkout: Path) -> Path:
    """Folder of real speech that licences keep out of the project."""
    moved = os.environ.get(SHARED_VARIABLE)
    folder = Path(moved) if moved else checkout.parent / "shared" / "corpora"
    if not folder.is_dir():
        pytest.skip(f"no real speech at {folder.name}/; set {SHARED_VARIABLE} to run this test")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, one a process: Playwright starts once only."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine; `apt-get install chromium` to run this test")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a skip whose reason is not on the list fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    allowed = _allowed_skips(session.config.rootpath)
    reasons = {str(report.longrepr[2]) for report in reporter.stats.get("skipped", [])}
    unlisted = [
        r for r in reasons if not any(p.search(r.removeprefix("Skipped: ")) for p in allowed)
    ]
    if unlisted:
        reporter.write_line(
            f"skips that tests/allowed_skips.txt does not list: {unlisted}", red=True
        )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _allowed_skips(root: Path) -> list[re.Pattern[str]]:
    lines = (root / "tests" / "allowed_skips.txt").read_text(encoding="utf-8").splitlines()
    return [re.compile(line) for line in lines if line and not line.startswith("#")]
