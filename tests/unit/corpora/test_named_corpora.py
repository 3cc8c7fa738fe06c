"""RAVDESS and EMO-DB: what their file names say."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mfsn.corpora.base import Utterance, get_reader
from mfsn.errors import ConfigError, CorpusError

WriteClip = Callable[..., Path]


def read(name: str, root: Path) -> list[Utterance]:
    reader = get_reader(name)
    return reader.utterances(root, reader.files(root))


def one(name: str, file: str) -> Utterance:
    return get_reader(name).utterances(Path("corpus"), [file])[0]


def test_ravdess_has_1440_clips_60_an_actor(ravdess_tree: Path) -> None:
    utterances = read("ravdess", ravdess_tree)
    assert Counter(u.emotion for u in utterances) == {
        "neutral": 96,
        **dict.fromkeys(("calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), 192),
    }
    assert Counter(u.speaker for u in utterances) == {f"{n:02d}": 60 for n in range(1, 25)}
    assert len({u.utterance_id for u in utterances}) == 1440


def test_a_ravdess_name_is_read_field_by_field() -> None:
    assert one("ravdess", "Actor_12/03-01-06-02-01-02-12.wav") == Utterance(
        utterance_id="03-01-06-02-01-02-12",
        path="Actor_12/03-01-06-02-01-02-12.wav",
        emotion="fearful",
        licence="CC BY-NC-SA 4.0",
        speaker="12",
        gender="female",
        transcript="Kids are talking by the door",
    )


@pytest.mark.parametrize(
    ("code", "emotion"),
    [
        ("01", "neutral"),
        ("02", "calm"),
        ("03", "happy"),
        ("04", "sad"),
        ("05", "angry"),
        ("06", "fearful"),
        ("07", "disgust"),
        ("08", "surprised"),
    ],
)
def test_ravdess_emotions(code: str, emotion: str) -> None:
    assert one("ravdess", f"03-01-{code}-01-02-01-07.flac").emotion == emotion


def test_ravdess_genders_alternate_and_there_are_no_sessions(ravdess_tree: Path) -> None:
    for utterance in read("ravdess", ravdess_tree):
        assert utterance.speaker is not None
        assert utterance.gender == ("male" if int(utterance.speaker) % 2 else "female")
        assert utterance.session is None


def test_the_tree_that_kaggle_holds_twice_is_read_once(ravdess_tree: Path, tmp_path: Path) -> None:
    actor = ravdess_tree / "Actor_05"
    shutil.copytree(actor, tmp_path / "Actor_05")
    shutil.copytree(actor, tmp_path / "audio_speech_actors_01-24" / "Actor_05")
    utterances = read("ravdess", tmp_path)
    assert len(utterances) == 60
    assert {u.path.split("/")[0] for u in utterances} == {"Actor_05"}


def test_side_files_and_hidden_files_are_no_clips(clip: WriteClip, tmp_path: Path) -> None:
    clip(tmp_path / "Actor_01" / "03-01-01-01-01-01-01.WAV")
    clip(tmp_path / "Actor_01" / "._03-01-01-01-01-01-01.wav")
    clip(tmp_path / ".Trash" / "03-01-01-01-01-02-01.wav")
    (tmp_path / "NOTICE.txt").write_text("terms")
    (tmp_path / "conversion.tsv").write_text("source\n")
    assert get_reader("ravdess").files(tmp_path) == ["Actor_01/03-01-01-01-01-01-01.WAV"]


@pytest.mark.parametrize(
    "name",
    [
        "03-02-01-01-01-01-01",  # a song
        "01-01-01-01-01-01-01",  # a video
        "03-01-09-01-01-01-01",  # an emotion that RAVDESS does not have
        "03-01-01-01-03-01-01",  # a sentence that it does not have
        "03-01-01-01-01-01-25",  # an actor that it does not have
        "03-01-01-01-01-01",
        "holiday",
    ],
)
def test_a_file_that_is_no_ravdess_speech_clip_is_an_error(name: str) -> None:
    with pytest.raises(CorpusError, match=rf"with a known label: {name}\.wav.*; move them"):
        one("ravdess", f"{name}.wav")


def test_all_strangers_are_listed_at_once_but_no_more_than_twenty() -> None:
    strangers = [f"03-01-09-01-01-01-{n:02d}.wav" for n in range(1, 25)]
    with pytest.raises(CorpusError) as raised:
        get_reader("ravdess").utterances(Path("corpus"), strangers)
    message = str(raised.value)
    assert message.count("unknown code '09'") == 20
    assert "and 4 more" in message


def test_emodb_has_535_clips_with_the_published_counts(emodb_tree: Path) -> None:
    utterances = read("emodb", emodb_tree)
    assert Counter(u.emotion for u in utterances) == {
        "anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "neutral": 79,
        "sadness": 62,
    }  # fmt: skip
    assert Counter(u.speaker for u in utterances) == {
        "03": 49, "08": 58, "09": 43, "10": 38, "11": 55, "12": 35, "13": 61, "14": 69, "15": 56,
        "16": 71,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [  # the letters are German; F is no fear or disgust, A is no happiness, E is no anxiety
        ("W", "anger"),
        ("L", "boredom"),
        ("E", "disgust"),
        ("A", "fear"),
        ("F", "happiness"),
        ("T", "sadness"),
        ("N", "neutral"),
    ],
)
def test_emodb_letters_are_german(letter: str, emotion: str) -> None:
    assert one("emodb", f"wav/03a01{letter}a.wav").emotion == emotion


def test_emodb_speakers_and_what_is_not_known() -> None:
    utterance = one("emodb", "13b09La.wav")
    assert (utterance.utterance_id, utterance.path) == ("13b09La", "13b09La.wav")
    assert (utterance.speaker, utterance.gender) == ("13", "female")
    assert (utterance.session, utterance.transcript) == (None, None)
    men = {s for s in ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
           if one("emodb", f"{s}a01Wa.wav").gender == "male"}  # fmt: skip
    assert men == {"03", "10", "11", "12", "15"}


@pytest.mark.parametrize("name", ["03a01Xa", "04a01Fa", "03c01Fa", "03a01F", "03a01fa"])
def test_a_file_that_is_no_emodb_clip_is_an_error(name: str) -> None:
    with pytest.raises(CorpusError, match=f"clips of EMO-DB .*{name}"):
        one("emodb", f"wav/{name}.wav")


@pytest.mark.parametrize("name", ["demo", "ravdess", "emodb", "savee"])
def test_published_counts_add_up(name: str) -> None:
    facts = get_reader(name).facts
    assert sum(facts.utterances.values()) == sum(facts.speakers.values())
    assert set(facts.utterances) == set(facts.labels.values())


def test_an_unknown_reader_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no corpus reader 'msp'; choose one of demo, ravdess"):
        get_reader("msp")


@pytest.mark.corpus
def test_real_ravdess_is_complete(shared_corpora: Path) -> None:
    utterances = read("ravdess", shared_corpora / "ravdess_flac16k")
    assert len(utterances) == 1440
    assert set(Counter(u.speaker for u in utterances).values()) == {60}


@pytest.mark.corpus
def test_real_ravdess_originals_are_understood(shared_corpora: Path) -> None:
    assert len(read("ravdess", shared_corpora / "ravdess_originals")) == 12


@pytest.mark.corpus
def test_real_emodb_holds_one_clip_an_emotion(shared_corpora: Path) -> None:
    utterances = read("emodb", shared_corpora / "emodb_originals")
    assert {u.utterance_id: u.emotion for u in utterances} == {
        "03a01Fa": "happiness", "03a01Nc": "neutral", "03a01Wa": "anger", "03a02Ta": "sadness",
        "03a04Ad": "fear", "03a04Lc": "boredom", "03b10Ec": "disgust",
    }  # fmt: skip
