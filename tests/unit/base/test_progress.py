"""Progress without a terminal: whole lines, and only when the last one is old enough."""

from __future__ import annotations

import sys

import pytest

from mfsn.base.progress import Progress


def test_a_log_gets_whole_lines_with_what_is_done_and_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress(total=4, desc="extract sec", unit="row", every_s=0) as bar:
        bar.set_postfix_str("dev UA 61.0%", refresh=False)
        for _ in range(4):
            bar.update()
    said = capsys.readouterr().err
    assert "\r" not in said
    lines = said.splitlines()
    assert lines[0].startswith("extract sec: 1 of 4 rows, ")
    assert lines[-1].startswith("extract sec: 4 of 4 rows, ")
    assert all("row/s" in line and " left, dev UA 61.0%" in line for line in lines)


def test_a_loop_is_followed_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(Progress(range(3), desc="scan", unit="file", every_s=0)) == [0, 1, 2]
    assert "scan: 2 of 3 files" in capsys.readouterr().err


def test_short_work_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(total=1000, desc="x", unit="row", every_s=1e9) as bar:
        for _ in range(1000):
            bar.update()
        bar.clear()
        bar.refresh()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("allowed", "shown"), [(True, True), (False, False)])
def test_a_terminal_gets_a_bar_unless_others_would_overwrite_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    allowed: bool,
    shown: bool,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(total=2, desc="fit", unit="epoch", in_terminal=allowed) as bar:
        bar.update(2)
    assert ("\r" in capsys.readouterr().err) is shown
