"""One writer a directory; the second one is told, or waits."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mfsn.errors import ConfigError, StoreBusyError
from mfsn.store.lock import WAIT_VARIABLE, exclusive, is_held, wait_s


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WAIT_VARIABLE, raising=False)


def test_a_second_writer_is_told_which_directory_is_busy(tmp_path: Path) -> None:
    busy = tmp_path / "sec" / "0123456789ab"
    expected = pytest.raises(StoreBusyError, match="sec/0123456789ab: another process")
    with exclusive(busy), expected, exclusive(busy):
        pass


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path):
            pass
    with pytest.raises(KeyError), exclusive(tmp_path):
        raise KeyError
    with exclusive(tmp_path):
        pass


def test_whether_somebody_writes_can_be_asked(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with exclusive(tmp_path):
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_who_only_looks_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with exclusive(tmp_path):
        pass
    with (tmp_path / ".lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)  # the moment in `is_held`
        assert not is_held(tmp_path)
        monkeypatch.setattr(time, "sleep", lambda _: looking.close())
        with exclusive(tmp_path):
            assert is_held(tmp_path)


def test_directories_do_not_block_each_other(tmp_path: Path) -> None:
    with exclusive(tmp_path / "sec"), exclusive(tmp_path / "tec"):
        pass


def test_the_second_writer_waits_when_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(WAIT_VARIABLE, "30")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(tmp_path):
            held.set()
            done.wait(0.3)

    first = threading.Thread(target=hold)
    first.start()
    held.wait()
    with caplog.at_level(logging.INFO), exclusive(tmp_path):
        done.set()
    first.join()
    assert "waiting for it" in caplog.text


def test_waiting_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WAIT_VARIABLE, "0.2")
    with exclusive(tmp_path), pytest.raises(StoreBusyError), exclusive(tmp_path):
        pass


def test_a_dead_process_holds_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StoreBusyError), exclusive(tmp_path):
            pass
        process.kill()
    with exclusive(tmp_path):
        pass


HOLD = """
import sys, time
from pathlib import Path
from mfsn.store.lock import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_variable_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait_s() == 0
    monkeypatch.setenv(WAIT_VARIABLE, "2.5")
    assert wait_s() == 2.5


@pytest.mark.parametrize("text", ["", "soon", "-1", "1e3"])
def test_the_variable_takes_seconds_only(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(WAIT_VARIABLE, text)
    with pytest.raises(ConfigError, match="MFSN_WAIT"):
        wait_s()


def test_queued_experiments_wait_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / ".dvc" / "tmp" / "exps" / "tmp1a2b"
    workspace.mkdir(parents=True)
    monkeypatch.chdir(workspace)
    assert wait_s() >= 3600
