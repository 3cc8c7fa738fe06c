"""`mfsn corpus check`: counts against the published ones, and all problems at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.errors import ProtocolError

TABLE = CorpusConfig(name="mine", reader="table")
RAVDESS = CorpusConfig(name="ravdess", reader="ravdess")
TWO = LabelsConfig(classes=["sad", "happy"])


def test_check_counts_against_what_is_published(ravdess_tree: Path) -> None:
    report = check_corpus(RAVDESS, TWO, PrepareConfig(), ravdess_tree)
    text = "\n".join(report.lines())
    assert report.ok
    assert "utterances: 1440" in text
    assert "licence: CC BY-NC-SA 4.0" in text
    assert "happy 192/192" in text
    assert "24 60/60" in text
    assert "sessions: none" in text
    assert text.endswith("no problems")


def test_check_lists_every_problem_and_writes_nothing(mine: Path) -> None:
    (mine / "a.wav").write_text("no audio")
    before = sorted(mine.iterdir())
    report = check_corpus(TABLE, LabelsConfig(classes=["sad", "angry"]), PrepareConfig(), mine)
    lines = report.lines()
    assert not report.ok
    assert len([line for line in lines if line.startswith("problem: ")]) == 2
    assert lines[-1] == "2 problems"
    assert sorted(mine.iterdir()) == before


def test_check_reports_a_corpus_that_is_not_there(tmp_path: Path) -> None:
    report = check_corpus(RAVDESS, TWO, PrepareConfig(), tmp_path / "nowhere")
    assert not report.ok
    assert any("nowhere does not exist" in line for line in report.lines())


def test_check_reports_a_table_without_rows(mine: Path) -> None:
    """One problem, and not that every class is missing."""
    (mine / "table.csv").write_text("path,emotion\n")
    lines = check_corpus(TABLE, TWO, PrepareConfig(), mine).lines()
    assert lines[-2:] == [
        f"problem: corpus mine: {mine} lists no utterances; fill its table, or set "
        "MFSN_CORPUS_MINE to another folder",
        "1 problem",
    ]


def test_folds_are_tried_once_nothing_else_is_wrong(mine: Path) -> None:
    def lines() -> list[str]:
        return check_corpus(
            TABLE, TWO, PrepareConfig(), mine, try_folds=lambda _: "3 folds"
        ).lines()

    assert "protocol: 3 folds" in lines()
    (mine / "a.wav").write_text("no audio")
    assert "protocol: the folds were not tried, because of the problems below" in lines()
    (mine / "table.csv").unlink()
    assert "protocol: the folds were not tried, because of the problems below" in lines()


def test_folds_that_fail_are_the_problem(mine: Path) -> None:
    def fail(_: object) -> str:
        raise ProtocolError("no speakers")

    lines = check_corpus(TABLE, TWO, PrepareConfig(), mine, try_folds=fail).lines()
    assert lines[-2:] == ["problem: no speakers", "1 problem"]
    assert not any(line.startswith("protocol: ") for line in lines)


def test_what_is_not_known_has_no_line(mine: Path) -> None:
    lines = check_corpus(TABLE, TWO, PrepareConfig(), mine).lines()
    assert not any(line.startswith("cite: ") for line in lines)
    assert "identical audio: 0" in lines


def test_check_notes_an_allowed_shortfall(ravdess_tree: Path) -> None:
    config = PrepareConfig(require_complete=False)
    report = check_corpus(RAVDESS, TWO, config, ravdess_tree / "Actor_01")
    assert report.ok
    assert any(line.startswith("note: corpus ravdess is incomplete") for line in report.lines())


def test_a_silent_clip_is_counted_once(mine: Path, clip: Callable[..., Path]) -> None:
    clip(mine / "d.wav", level=0)
    lines = check_corpus(TABLE, TWO, PrepareConfig(), mine).lines()
    assert "silent, left out: 1 (d)" in lines
    assert not any(line.startswith("left out") for line in lines)


def test_what_is_not_read_is_noted(mine: Path) -> None:
    table = mine / "table.csv"
    table.write_text(table.read_text().replace("\n", ",\n").replace("emotion,", "emotion,mood"))
    assert check_corpus(TABLE, TWO, PrepareConfig(), mine).lines()[-2:] == [
        "note: table.csv has columns that are not read: 'mood'",
        "no problems",
    ]
