"""Ctrl-C while a row runs: DVC gets the time that it needs to end the row."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Stands for DVC, found before it: told to stop, it takes longer than a moment to clear up.
SLOW_TO_END = """
import pathlib, time
try:
    pathlib.Path("running").touch()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    pathlib.Path("cleared").touch()
"""
ROW = "from mfsn.reproduce.run import _dvc; from pathlib import Path; _dvc(Path(), 'exp', 'run')"


def test_ctrl_c_waits_until_dvc_has_cleared_up(tmp_path: Path) -> None:
    (tmp_path / "dvc.py").write_text(SLOW_TO_END)
    row = subprocess.Popen(
        [sys.executable, "-c", ROW],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not (tmp_path / "running").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    os.killpg(row.pid, signal.SIGINT)  # as a terminal does
    _, said = row.communicate(timeout=60)
    assert (tmp_path / "cleared").exists()
    assert b"KeyboardInterrupt" in said
