"""Folds in the layouts of EmoBox and s3prl; all lists are written here, from published facts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

from mfsn.errors import ConfigError, ProtocolError
from mfsn.protocols.make import Fold, make_folds

SPEAKERS = ("01", "02", "03", "04")


def corpus(speakers: Iterable[str] = SPEAKERS, folder: str = "Actor_{}") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "utterance_id": f"{emotion}-{speaker}",
                "path": f"{folder.format(speaker)}/{emotion}-{speaker}.flac",
                "speaker": speaker,
                "emotion": emotion,
            }
            for speaker in speakers
            for emotion in ("happy", "sad")
        ]
    )


def recordings(*speakers: str) -> list[str]:
    """As in the lists: another root, another ending, and an emotion that is no class here."""
    return [
        f"downloads/x/Actor_{s}/{e}-{s}.wav" for s in speakers for e in ("happy", "sad", "calm")
    ]


def emobox(path: Path, paths: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"key": f"x-{Path(p).stem}", "dataset": "x", "wav": p, "emo": "Sad"} for p in paths]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    else:
        path.write_text(json.dumps({entry.pop("key"): entry for entry in entries}))


def s3prl(path: Path, paths: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"path": p, "label": "sad", "speaker": "unused"} for p in paths]
    path.write_text(json.dumps({"labels": {"sad": 0}, "meta_data": entries}))


def others(speaker: str) -> tuple[str, ...]:
    return tuple(s for s in SPEAKERS if s != speaker)


def folds_in(folder: Path, manifest: pd.DataFrame) -> list[Fold]:
    return make_folds(manifest, "folds_from_file", file=str(folder))


def heard(ids: tuple[str, ...]) -> set[str]:
    return {name.rpartition("-")[2] for name in ids}


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_emobox_folds_are_read_as_they_are(tmp_path: Path, ending: str) -> None:
    for number, speaker in enumerate(SPEAKERS, start=1):
        fold = tmp_path / f"fold_{number}"
        emobox(fold / f"x_test_fold_{number}.{ending}", recordings(speaker))
        emobox(fold / f"x_train_fold_{number}.{ending}", recordings(*others(speaker)))
    (tmp_path / "label_map.json").write_text("{}")
    folds = folds_in(tmp_path, corpus())
    assert [fold.name for fold in folds] == ["fold_1", "fold_2", "fold_3", "fold_4"]
    assert [heard(fold.test) for fold in folds] == [{s} for s in SPEAKERS]
    assert [heard(fold.dev) for fold in folds] == [{"02"}, {"03"}, {"04"}, {"01"}]
    assert heard(folds[0].train) == {"03", "04"}
    assert folds[0].test == ("happy-01", "sad-01")
    assert all(fold.speaker_independent for fold in folds)


def test_of_two_lists_for_a_split_the_one_named_as_elsewhere_is_read(tmp_path: Path) -> None:
    fold = tmp_path / "fold_1"
    emobox(fold / "x_test_fold1.jsonl", recordings("04"))
    emobox(fold / "x_test_fold_1.json", recordings("03"))
    emobox(fold / "x_test_fold_1.jsonl", recordings("01"))
    emobox(fold / "x_valid_fold_1.jsonl", recordings("02"))
    (only,) = folds_in(fold, corpus())
    assert (heard(only.test), heard(only.dev)) == ({"01"}, {"02"})
    assert heard(only.train) == {"03", "04"}


def test_a_published_development_list_is_used_and_its_speakers_are_compared(tmp_path: Path) -> None:
    emobox(tmp_path / "fold_1" / "x_test_fold_1.jsonl", recordings("01"))
    emobox(tmp_path / "fold_1" / "x_valid_fold_1.jsonl", recordings("02")[:1])
    emobox(tmp_path / "fold_1" / "x_train_fold_1.jsonl", [*recordings("03"), recordings("02")[1]])
    (only,) = folds_in(tmp_path, corpus())
    assert only.dev == ("happy-02",)
    assert set(only.train) == {"sad-02", "happy-03", "sad-03"}
    assert not only.speaker_independent


def test_s3prl_folds_are_read_as_they_are(tmp_path: Path) -> None:
    for number, speaker in enumerate(SPEAKERS, start=1):
        s3prl(tmp_path / f"Session{number}" / "test_meta_data.json", recordings(speaker))
        s3prl(tmp_path / f"Session{number}" / "train_meta_data.json", recordings(*others(speaker)))
    folds = folds_in(tmp_path, corpus())
    assert [fold.name for fold in folds] == ["Session1", "Session2", "Session3", "Session4"]
    assert [heard(fold.test) for fold in folds] == [{s} for s in SPEAKERS]


def test_of_equal_file_names_the_folder_decides(tmp_path: Path) -> None:
    manifest = corpus(folder="{}_splits")
    manifest["path"] = manifest["speaker"] + "_splits/dia1_" + manifest["emotion"] + ".mp4"
    for split, speaker in (("test", "01"), ("valid", "02"), ("train", "03")):
        paths = [f"downloads/x/{speaker}_splits/dia1_{e}.mp4" for e in ("happy", "sad")]
        emobox(tmp_path / "fold_1" / f"x_{split}_fold_1.jsonl", paths)
    (only,) = folds_in(tmp_path, manifest)
    assert [heard(only.split(name)) for name in ("test", "dev", "train")] == [
        {"01"},
        {"02"},
        {"03"},
    ]
    emobox(tmp_path / "fold_1" / "x_test_fold_1.jsonl", ["elsewhere/dia1_sad.mp4"])
    with pytest.raises(ProtocolError, match="fold_1, test: of 1 recording, elsewhere/dia1_sad"):
        folds_in(tmp_path, manifest)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x_test_fold_1.jsonl", '{"wav": "none/of-these.wav"}\n', "is not in the corpus"),
        ("x_test_fold_1.jsonl", '{"audio": "a.wav"}\n', "is not a list of recordings"),
        ("x_test_fold_1.json", "[1]", "is not a list of recordings"),
        ("test_meta_data.json", "{}", "is not a list of recordings"),
        ("x_train_fold_1.json", "{}", "fold_1 has no list for test"),
        ("readme.txt", "", "has no lists of folds; name EmoBox's folder of one corpus"),
    ],
)
def test_other_folders_are_one_sentence(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / "fold_1").mkdir()
    (tmp_path / "fold_1" / name).write_text(content)
    with pytest.raises(ProtocolError, match=said) as raised:
        folds_in(tmp_path, corpus())
    assert "\n" not in str(raised.value)


def test_lists_of_two_corpora_are_refused(tmp_path: Path) -> None:
    emobox(tmp_path / "a" / "x_test_fold_1.jsonl", recordings("01"))
    emobox(tmp_path / "b" / "y_test_fold_1.jsonl", recordings("01"))
    with pytest.raises(ProtocolError, match="has lists of x, y; name EmoBox's folder of one"):
        folds_in(tmp_path, corpus())


def test_one_list_is_no_protocol(tmp_path: Path) -> None:
    emobox(tmp_path / "x_test_fold_1.jsonl", recordings("01"))
    with pytest.raises(ProtocolError, match="is one list of a published fold; name its folder"):
        folds_in(tmp_path / "x_test_fold_1.jsonl", corpus())


@pytest.mark.parametrize("key", ["dev", "dev_speakers"])
def test_empty_development_data_are_refused(tmp_path: Path, key: str) -> None:
    folds = [{"test_speakers": [s], key: []} for s in SPEAKERS]
    (tmp_path / "own.json").write_text(json.dumps({"folds": folds}))
    with pytest.raises(ConfigError, match="dev and dev_speakers cannot be empty"):
        folds_in(tmp_path / "own.json", corpus())
