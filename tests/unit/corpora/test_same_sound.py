"""Recordings with the same sound in other files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import CorpusError
from mfsn.protocols.fold import Fold, tell_divided

RATE_HZ = 16_000
LABELS = LabelsConfig(classes=["sad", "happy"])
TABLE = CorpusConfig(name="mine", reader="table")
JOINED = CorpusConfig.parse(
    {
        "name": "both",
        "reader": "joined",
        "parts": [{"name": "one", "reader": "table"}, {"name": "two", "reader": "table"}],
    },
    where="test",
)
Write = Callable[..., Path]


def noise(seed: int) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(0, 0.1, RATE_HZ) * 32767) / 32768


def corpus(root: Path, seed: int, *rows: str) -> Path:
    """A table of four recordings of one second, and further rows."""
    root.mkdir(parents=True, exist_ok=True)
    own = []
    for number, emotion in enumerate(("sad", "happy", "sad", "happy")):
        soundfile.write(root / f"{number}.wav", noise(seed + number), RATE_HZ)
        own.append(f"{number}.wav,{emotion},s{number % 2}")
    (root / "table.csv").write_text("\n".join(["path,emotion,speaker", *own, *rows]))
    return root


def check(config: CorpusConfig, root: Path) -> list[str]:
    return check_corpus(config, LABELS, PrepareConfig(), root).lines()


@pytest.mark.parametrize(
    ("row", "what"),
    [("copy.flac,happy,s0", "labels (happy, sad)"), ("copy.flac,sad,s9", "speakers (s0, s9)")],
)
def test_a_copy_in_another_format_with_another_name_is_refused(
    tmp_path: Path, row: str, what: str
) -> None:
    root = corpus(tmp_path, 0, row)
    soundfile.write(root / "copy.flac", noise(0), RATE_HZ)
    assert check(TABLE, root)[-2:] == [
        f"problem: 0, copy are the same recording with different {what}; keep one of them",
        "1 problem",
    ]


def test_a_copy_with_the_same_names_is_kept_and_marked(tmp_path: Path) -> None:
    root = corpus(tmp_path, 0, "copy.flac,sad,s0")
    soundfile.write(root / "copy.flac", noise(0), RATE_HZ)
    manifest, account = prepare_corpus(TABLE, LABELS, PrepareConfig(), root,
                                       scan_corpus(TABLE, root))  # fmt: skip
    assert account["identical"] == [["0", "copy"]]
    same_as = manifest.set_index("utterance_id")["same_as"]
    assert same_as[["0", "copy"]].tolist() == ["0", "0"]
    assert same_as[["1", "2", "3"]].isna().all()


def test_a_softer_copy_is_told_by_name(tmp_path: Path) -> None:
    root = corpus(tmp_path, 0, "softer.wav,happy,s9")
    soundfile.write(root / "softer.wav", 0.3 * noise(0), RATE_HZ)
    assert check(TABLE, root)[-2:] == [
        "warning: 1 pair of recordings sound the same, though their level, format or length "
        "differs: 0 = softer (labels sad and happy, speakers s0 and s9); if they are copies, keep "
        "one of each pair, since a fold could train on one and test on the other",
        "no problems, 1 warning",
    ]


def test_a_softer_copy_that_folds_divide_is_told_by_name(tmp_path: Path) -> None:
    root = corpus(tmp_path, 0, "softer.wav,sad,s2")
    soundfile.write(root / "softer.wav", 0.3 * noise(0), RATE_HZ)
    _, account = prepare_corpus(TABLE, LABELS, PrepareConfig(), root,
                                       scan_corpus(TABLE, root))  # fmt: skip
    assert account["alike"] == [["0", "softer"]]
    folds = [
        Fold("s0", train=("1", "3"), dev=("softer",), test=("0", "2"), speaker_independent=True),
        Fold("s2", train=("0", "2"), dev=("1", "3"), test=("softer",), speaker_independent=True),
    ]
    assert tell_divided(folds, account["alike"]) == [
        "1 pair of recordings that sound the same is divided between train and test "
        "(0 = softer; fold s2); if they are copies, keep one of each pair"
    ]
    assert tell_divided(folds[:1], account["alike"]) == tell_divided(folds, []) == []


def test_copies_in_two_parts_of_a_joined_corpus_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_CORPORA", str(tmp_path))
    corpus(tmp_path / "one", 0, "copy.wav,sad,s0", "soft.wav,sad,s0")
    soundfile.write(tmp_path / "one" / "copy.wav", noise(10), RATE_HZ)
    soundfile.write(tmp_path / "one" / "soft.wav", 0.3 * noise(11), RATE_HZ)
    corpus(tmp_path / "two", 10)
    lines = check(JOINED, tmp_path / "both")
    assert lines[-3].startswith(
        "problem: one/copy, two/0 are the same recording with different speakers (one/s0, two/s0);"
    )
    assert "one/soft = two/1 (labels sad and happy, speakers one/s0 and two/s1)" in lines[-2]
    assert lines[-1] == "1 problem, 1 warning"


def test_parts_that_spell_an_emotion_differently_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_CORPORA", str(tmp_path))
    for name, seed in (("one", 0), ("two", 10)):
        corpus(tmp_path / name, seed)
    table = tmp_path / "two" / "table.csv"
    table.write_text(table.read_text() + "\n5.wav,Bored,s1")
    soundfile.write(tmp_path / "two" / "5.wav", noise(20), RATE_HZ)
    table = tmp_path / "one" / "table.csv"
    table.write_text(table.read_text() + "\n5.wav,bored,s1")
    soundfile.write(tmp_path / "one" / "5.wav", noise(21), RATE_HZ)
    with pytest.raises(CorpusError, match=r"the emotions 'Bored' \(1 utterance\), 'bored' \(1"):
        prepare_corpus(JOINED, LABELS, PrepareConfig(), tmp_path / "both",
                       scan_corpus(JOINED, tmp_path / "both"))  # fmt: skip
