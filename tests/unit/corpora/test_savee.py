"""SAVEE with its names, its rate and its durations; the recordings are a moment of noise each."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfsn.audio.decoding import probe
from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import CorpusError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import make_folds

Wav = Callable[..., bytes]

RATE_HZ = 44_100
SAVEE = CorpusConfig(name="savee", reader="savee")
SEVEN = LabelsConfig(
    classes=["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
)


def clips() -> dict[str, int]:
    """DC_a01 and so on to frames."""
    text = Path(__file__).with_name("savee_frames.txt").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {
        f"{speaker}_{code}{number:02d}": int(frames)
        for speaker, code, *durations in rows
        for number, frames in enumerate(durations, start=1)
    }


def write(path: Path, frames: int, wav: Wav) -> None:
    """A clip as long as the real one: noise, then a hole in the file, which reads as zeros."""
    start = bytearray(wav(path.parent.name + path.name, RATE_HZ))
    start[4:8], start[40:44] = (struct.pack("<I", 2 * frames + more) for more in (36, 0))
    with path.open("wb") as file:
        file.write(start)
        file.truncate(44 + 2 * frames)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory, wav: Wav) -> Path:
    """AudioData/DC/a01.wav and so on; not to be changed by a test."""
    root = tmp_path_factory.mktemp("savee")
    for name, frames in clips().items():
        speaker, _, clip = name.partition("_")
        folder = root / "AudioData" / speaker
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{clip}.wav", frames, wav)
    (root / "AudioData" / "Info.txt").write_text("terms")
    return root


@pytest.fixture
def flat(official: Path, tmp_path: Path) -> Path:
    """ALL/DC_a01.wav and so on."""
    (tmp_path / "ALL").mkdir()
    for path in official.rglob("*.wav"):
        (tmp_path / "ALL" / f"{path.parent.name}_{path.name}").hardlink_to(path)
    return tmp_path


def read(root: Path) -> list[Utterance]:
    reader = get_reader("savee")
    return reader.utterances(root, reader.files(root))


def test_there_are_480_clips_of_four_men(official: Path) -> None:
    found = read(official)
    assert Counter(u.emotion for u in found) == {
        "anger": 60, "disgust": 60, "fear": 60, "happiness": 60, "neutral": 120, "sadness": 60,
        "surprise": 60,
    }  # fmt: skip
    assert Counter(u.speaker for u in found) == dict.fromkeys(("DC", "JE", "JK", "KL"), 120)
    assert {(u.gender, u.session) for u in found} == {("male", None)}


def test_both_layouts_are_the_same_corpus(official: Path, flat: Path) -> None:
    said = [
        {u.utterance_id: (u.emotion, u.speaker) for u in read(root)} for root in (official, flat)
    ]
    assert said[0] == said[1]
    assert said[0]["JK_sa07"] == ("sadness", "JK")


def test_a_folder_with_both_layouts_is_read_once(official: Path, flat: Path) -> None:
    for speaker in ("DC", "KL"):
        (flat / "AudioData" / speaker).mkdir(parents=True)
        for path in (official / "AudioData" / speaker).iterdir():
            (flat / "AudioData" / speaker / path.name).hardlink_to(path)
    assert len(read(flat)) == 480


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("a01", "anger"),  # a public table calls it happy
        ("d02", "disgust"), ("f15", "fear"), ("h03", "happiness"), ("n30", "neutral"),
        ("sa04", "sadness"), ("su05", "surprise"),
    ],
)  # fmt: skip
def test_emotion_codes(name: str, emotion: str) -> None:
    for path in (f"AudioData/JE/{name}.wav", f"ALL/JE_{name}.wav", f"JE/{name}.wav"):
        utterance = get_reader("savee").utterances(Path("corpus"), [path])[0]
        assert (utterance.utterance_id, utterance.emotion, utterance.speaker) == (
            f"JE_{name}", emotion, "JE",
        )  # fmt: skip


@pytest.mark.parametrize("path", ["ALL/a01.wav", "AudioData/XX/a01.wav", "ALL/DC_s01.wav",
                                  "ALL/DC_a1.wav", "DC_su_01.wav"])  # fmt: skip
def test_a_file_that_is_no_clip_is_an_error(path: str) -> None:
    with pytest.raises(
        CorpusError, match=rf"not clips of SAVEE .*: {path}.*like AudioData/DC/sa01"
    ):
        get_reader("savee").utterances(Path("corpus"), [path])


def test_rate_and_durations_are_those_of_the_release(official: Path) -> None:
    info = probe(official / "AudioData" / "DC" / "a01.wav")
    assert (info.sample_rate_hz, info.channels, info.frames) == (44_100, 1, 160_868)


def test_ten_folds_of_48_share_their_speakers(official: Path) -> None:
    report = check_corpus(SAVEE, SEVEN, PrepareConfig(), official)
    assert report.ok
    assert "utterances: 480 (0.51 h), of the classes: 480" in report.lines()
    files = scan_corpus(SAVEE, official)
    manifest, _ = prepare_corpus(SAVEE, SEVEN, PrepareConfig(), official, files)
    assert manifest["duration_s"].agg(["min", "median", "max"]).tolist() == pytest.approx(
        [1.631, 3.673, 7.139], abs=0.001
    )
    assert np.ceil(manifest["duration_s"] / 3).sum() == 872  # segments
    folds = make_folds(manifest, ProtocolConfig(name="stratified_k_fold", folds=10), official)
    assert [len(fold.test) for fold in folds] == [48] * 10
    assert not any(fold.speaker_independent for fold in folds)
