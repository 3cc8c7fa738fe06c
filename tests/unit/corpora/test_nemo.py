"""nEMO in its full shape: one table and its clips; the sentences are invented."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.errors import CorpusError

NEMO = CorpusConfig(name="nemo", reader="nemo")
SIX = LabelsConfig(classes=["anger", "fear", "happiness", "neutral", "sadness", "surprised"])
WOMEN, MEN = ("EB0", "IC0", "KD0", "MK0"), ("KS0", "MP0", "SM0", "TP0", "WR0")
EMOTIONS = {"neutral": 809, "sadness": 769, "happiness": 749, "anger": 749, "fear": 736,
            "surprised": 669}  # fmt: skip
HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"


def counts() -> dict[tuple[str, str], int]:
    """Speaker and emotion to a number of clips; MK0 is never surprised, MP0 seldom afraid."""
    made: dict[tuple[str, str], int] = {}
    for emotion, total in EMOTIONS.items():
        fixed = {"fear": {"MP0": 17}, "surprised": {"MK0": 0}}.get(emotion, {})
        free = [speaker for speaker in (*WOMEN, *MEN) if speaker not in fixed]
        base, more = divmod(total - sum(fixed.values()), len(free))
        shares = fixed | {s: base + (n < more) for n, s in enumerate(free)}
        made |= {(speaker, emotion): count for speaker, count in shares.items()}
    return made


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, wav: Callable[..., bytes]) -> Path:
    """The release as cloned; not to be changed by a test."""
    root = tmp_path_factory.mktemp("nemo")
    (root / "samples").mkdir()
    rows = []
    for (speaker, emotion), count in counts().items():
        gender = "female" if speaker in WOMEN else "male"
        for number in range(1, count + 1):
            name = f"{speaker}_{emotion}_{number}.wav"
            (root / "samples" / name).write_bytes(wav(name, 24_000))
            text = f"„Zdanie” {number}, żółw.\tzdanie {number} żółw"
            rows.append(f"{name}\t{emotion}\t{text}\t        {speaker}\t{gender}\t23\n")
    (root / "data.tsv").write_text(HEADER + "".join(rows), encoding="utf-8")
    (root / "samples" / "._EB0_anger_1.wav").write_bytes(b"\0\5\x16\7")
    return root


@pytest.fixture
def small(tmp_path: Path, tree: Path) -> Path:
    """The first twenty clips, which a test may change."""
    lines = (tree / "data.tsv").read_text(encoding="utf-8").splitlines(keepends=True)[:21]
    (tmp_path / "data.tsv").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "samples").mkdir()
    for line in lines[1:]:
        name = line.partition("\t")[0]
        shutil.copy(tree / "samples" / name, tmp_path / "samples" / name)
    return tmp_path


def read(root: Path) -> list[Utterance]:
    reader = get_reader("nemo")
    return reader.utterances(root, reader.files(root))


def test_there_are_4481_clips_of_nine_speakers(tree: Path) -> None:
    found = read(tree)
    assert Counter(u.emotion for u in found) == EMOTIONS
    assert {u.speaker for u in found} == {*WOMEN, *MEN}
    by_speaker = Counter((u.speaker, u.emotion) for u in found)
    assert (by_speaker["MK0", "surprised"], by_speaker["MP0", "fear"]) == (0, 17)


def test_a_row_is_read_field_by_field(small: Path) -> None:
    assert read(small)[1] == Utterance(
        utterance_id="EB0_neutral_2",
        path="samples/EB0_neutral_2.wav",
        emotion="neutral",
        licence="CC BY-NC-SA 4.0",
        speaker="EB0",  # the table has spaces before it
        gender="female",
        transcript="„Zdanie” 2, żółw.",
    )


def test_check_finds_the_published_totals(tree: Path) -> None:
    report = check_corpus(NEMO, SIX, PrepareConfig(), tree)
    assert report.ok
    assert "surprised 669/669" in "\n".join(report.lines())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\tneutral\t", "\tsurprise\t", r"data.tsv, line 2 \(unknown emotion 'surprise'\)"),
        ("        EB0", "        XX0", r"data.tsv, line 2 \(unknown speaker 'XX0'\)"),
        ("EB0_neutral_1.wav", "EB0_neutral_99.wav", r"samples/EB0_neutral_99.wav is missing"),
        ("\tnormalized_text", "", "has 7 cells in line 2 and 6 columns"),
        ("file_id", "path", "lacks the columns file_id"),
        ("\tfemale\t23\n", "\n", "has 5 cells in line 2 and 7 columns"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(small: Path, old: str, new: str, problem: str) -> None:
    table = small / "data.tsv"
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(CorpusError, match=problem) as raised:
        read(small)
    assert "\n" not in str(raised.value)


def test_a_table_in_another_encoding_is_an_error(small: Path) -> None:
    text = (small / "data.tsv").read_text(encoding="utf-8")
    (small / "data.tsv").write_text(text, encoding="utf-16")
    with pytest.raises(CorpusError, match=r"data\.tsv is not a table in UTF-8 \(after line 0: "):
        read(small)
