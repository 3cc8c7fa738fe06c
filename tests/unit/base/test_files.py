"""Files are whole or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mfsn.base.files import (
    explain_denied,
    read_json,
    replacing,
    stats,
    write_bytes,
    write_json,
    write_text,
)
from mfsn.errors import OutputError, StorageFullError


def test_json_is_sorted_and_ends_with_a_newline(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"b": 1, "a": [1, 2]})
    assert path.read_text() == '{\n "a": [\n  1,\n  2\n ],\n "b": 1\n}\n'
    assert read_json(path) == {"a": [1, 2], "b": 1}


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"x": float("nan")})
    assert read_json(path) == {"x": 1}


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(code, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError, match="no space left on the disk"):
        write_bytes(tmp_path / "x.bin", b"data")
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_the_system_pass_unchanged(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        write_text(blocked / "child.txt", "x")


def test_what_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    def refuse() -> None:
        with explain_denied():
            raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "x"))

    with pytest.raises(OutputError, match=r"x cannot be used \(Permission denied\)"):
        refuse()


def test_errors_that_are_no_refusal_pass_the_explanation(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explain_denied():
        (tmp_path / "none").read_text()


@pytest.mark.parametrize("name", ["file/child.txt", "folder", "x" * 300])
def test_a_name_that_no_file_can_have_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="choose another file or folder"), explain_denied():
        write_text(tmp_path / name, "y")


def test_files_that_go_while_others_look_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("four")
    found = stats([tmp_path / "gone", tmp_path / "there"])
    assert [(path.name, status.st_size) for path, status in found] == [("there", 4)]
