"""`mfsn inspect` as typed: what it writes where, what it says, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mfsn import cli
from mfsn.workspace import Outputs

FOLDER = Path("data/inspect/demo/mfsn")


@pytest.fixture(autouse=True)
def _prepared(outputs: Outputs) -> None:
    """The current folder is a checkout with extracted features."""


def run(*arguments: str) -> int:
    """The exit status of `mfsn inspect ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["inspect", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_picture_goes_where_git_ignores_it(
    predict: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    predict("one/clip2")
    assert run("one/clip2") == 0
    said = capsys.readouterr().out.strip()
    path, _, verdict = said.partition(": ")
    assert Path(path).is_file() and Path(path).parent == FOLDER
    assert verdict == ("label tense, predicted calm (0.75); out-of-fold: fold f1, seeds 0, 1")


def test_a_sample_is_drawn_into_the_folder_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--sample", "1", "--out", str(tmp_path / "here")) == 0
    assert len(list((tmp_path / "here").glob("*.png"))) == 2
    assert capsys.readouterr().out.count("no prediction") == 2


def test_mistakes_are_drawn(
    predict: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    predict("one/clip$1$", "one/clip2")
    assert run("--wrong", "5") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "label tense, predicted calm" in line


def test_a_page_of_everything_and_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--html") == 0
    assert capsys.readouterr().out.startswith(f"{FOLDER}/index.html: 2 of 2 utterances, ")
    assert run("one/clip2", "--html", "--out", "one.html") == 0
    assert capsys.readouterr().out.startswith("one.html: 1 of 2 utterances, ")


def test_what_cannot_be_read_is_left_out_and_named(
    outputs: Outputs, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs.digest("tec").write_text("{", "utf-8")
    assert run("one/clip2", "--html") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{FOLDER}/index.html: 1 of 2 utterances, ")
    assert said.err.startswith("mfsn: tec is left out: ") and "tec.json" in said.err
    assert "tec cannot be read and is left out" in (FOLDER / "index.html").read_text("utf-8")


def test_sound_of_licensed_recordings_is_asked_for() -> None:
    run("--html")
    without = (FOLDER / "index.html").stat().st_size
    run("--html", "--with-audio")
    assert (FOLDER / "index.html").stat().st_size > without


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("one/clip2", "--sample", "1"),
        ("--sample", "1", "--wrong", "1"),
        ("--sample", "0"),
        ("one/clip2", "--with-audio"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert run(*arguments) == 2


def test_errors_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--wrong", "1") == 1
    assert run("one/clip9") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "similar ids are one/clip2" in lines[1]
    assert not FOLDER.exists()
