"""A user's own table: what it may hold, and each way in which it can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from mfsn.corpora.base import NotingReader, Utterance, get_reader
from mfsn.errors import CorpusError

WriteClip = Callable[..., Path]

FULL = {
    "path": "calls/a.wav",
    "emotion": "angry",
    "utterance_id": "call-1",
    "speaker": "anna",
    "session": "monday",
    "gender": "female",
    "transcript": "No, thank you",
    "valence": 1.5,
    "arousal": 4.0,
    "dominance": 3.25,
    "split": "train",
    "licence": "own",
}


@pytest.fixture
def root(tmp_path: Path, clip: WriteClip) -> Path:
    clip(tmp_path / "calls" / "a.wav")
    clip(tmp_path / "calls" / "b.wav")
    return tmp_path


def write(root: Path, text: str) -> None:
    (root / "table.csv").write_text(text, encoding="utf-8")


def read(root: Path) -> list[Utterance]:
    reader = get_reader("table")
    return reader.utterances(root, reader.files(root))


def test_path_and_emotion_are_enough(root: Path) -> None:
    write(root, "path,emotion\ncalls/a.wav,angry\ncalls/b.wav,sad\n")
    assert read(root) == [
        Utterance("calls/a", "calls/a.wav", "angry", "not stated"),
        Utterance("calls/b", "calls/b.wav", "sad", "not stated"),
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_column_is_read_from_csv_and_parquet(root: Path, kind: str) -> None:
    table = pd.DataFrame([FULL, {"path": "calls/b.wav", "emotion": "sad"}])
    if kind == "csv":
        table.to_csv(root / "table.csv", index=False)
    else:
        table.to_parquet(root / "table.parquet")
    first, second = read(root)
    for column, value in FULL.items():
        assert getattr(first, column) == value
    assert second == Utterance("calls/b", "calls/b.wav", "sad", "not stated")


def test_the_files_are_the_table_and_what_it_names(root: Path, clip: WriteClip) -> None:
    clip(root / "calls" / "unnamed.wav")
    write(root, "emotion,path\nsad,calls/b.wav\nsad,./calls/a.wav\n")
    assert get_reader("table").files(root) == ["calls/a.wav", "calls/b.wav", "table.csv"]


def test_a_folder_without_a_table_is_no_corpus(root: Path) -> None:
    assert get_reader("table").files(root) == []


def test_a_byte_order_mark_is_no_part_of_a_name(root: Path) -> None:
    write(root, "\ufeffpath,emotion\ncalls/a.wav,angry\n")
    assert read(root)[0].emotion == "angry"


def test_quoted_commas_stay_in_the_transcript(root: Path) -> None:
    write(root, 'path,emotion,transcript\ncalls/a.wav,sad,"Well, no"\n')
    assert read(root)[0].transcript == "Well, no"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("path,emotion,emotion\n", r"several columns for the same \('emotion', 'emotion'\)"),
        ("file,wav,Label\n", r"several columns for the same \('file', 'wav'\); keep one"),
        ("path\n", "has no column emotion; its columns are 'path', and mfsn reads path, emotion, "),
        ("", "is empty; write columns path and emotion"),
        ("path,emotion\nx.wav,sad\n../y.wav,sad\n/z.wav,sad\n", r"\.\./y\.wav, /z\.wav, x\.wav"),
        ('path,emotion\n"x', "is not a CSV file in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_an_error(root: Path, text: str, reason: str) -> None:
    write(root, text)
    with pytest.raises(CorpusError, match=reason) as raised:
        get_reader("table").files(root)
    assert str(root) in str(raised.value)
    assert "none" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_names_are_compared_in_composed_unicode(root: Path, clip: WriteClip) -> None:
    composed, decomposed = "calls/gr\u00fcn.wav", "calls/gru\u0308n.wav"
    clip(root / decomposed)
    write(root, f"path,emotion\n{composed},sad\ncalls/a.wav,sad\n")
    assert get_reader("table").files(root) == ["calls/a.wav", decomposed, "table.csv"]
    assert [(u.utterance_id, u.path) for u in read(root)] == [
        ("calls/gr\u00fcn", decomposed), ("calls/a", "calls/a.wav"),
    ]  # fmt: skip
    clip(root / composed)
    assert read(root)[0].path == composed


def test_a_table_that_git_lfs_did_not_fetch_names_the_command(root: Path) -> None:
    write(root, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(CorpusError, match=r"table\.csv is a pointer of Git LFS.*`git lfs pull`"):
        read(root)


def test_another_encoding_is_an_error(root: Path) -> None:
    (root / "table.csv").write_bytes("path,emotion\ncalls/a.wav,fröhlich\n".encode("latin-1"))
    with pytest.raises(CorpusError, match="not a CSV file in UTF-8"):
        get_reader("table").files(root)


def test_a_file_that_is_no_parquet_is_an_error(root: Path) -> None:
    (root / "table.parquet").write_text("path,emotion\n")
    with pytest.raises(CorpusError, match="cannot be read as Parquet"):
        get_reader("table").files(root)


def test_two_tables_are_an_error(root: Path) -> None:
    write(root, "path,emotion\n")
    (root / "table.parquet").touch()
    with pytest.raises(
        CorpusError, match=r"contains both table\.csv and table\.parquet; remove one"
    ):
        get_reader("table").files(root)


def test_all_bad_cells_are_listed_at_once(root: Path) -> None:
    write(
        root,
        "path,emotion,gender,split,valence\n"
        "calls/a.wav,,female,train,1\n"
        "calls/b.wav,sad,x,test,2\n"
        "calls/b.wav,sad,male,eval,much\n"
        "calls/b.wav,sad,male,dev,inf,extra\n"
        ",sad,male,dev,3\n",
    )
    with pytest.raises(CorpusError) as raised:
        read(root)
    message = str(raised.value)
    for problem in (
        "row 1 (emotion is empty)",
        "row 2 (gender is 'x', not female or male)",
        "row 3 (split is 'eval', not dev or test or train)",
        "row 3 (valence is 'much', not a number)",
        "row 4 (more cells than columns)",
        "row 4 (valence is 'inf', not a number)",
        "row 5 (path is empty)",
    ):
        assert problem in message
    assert message.count("row ") == 8  # the advice says what row 1 is


def test_a_row_added_after_the_scan_is_noticed(root: Path) -> None:
    write(root, "path,emotion\ncalls/a.wav,sad\ncalls/b.wav,sad\n")
    with pytest.raises(CorpusError, match=r"row 2 \(calls/b.wav did not exist when"):
        get_reader("table").utterances(root, ["calls/a.wav", "table.csv"])


def test_a_problem_of_many_rows_is_said_once_with_its_number(root: Path) -> None:
    write(root, "path,emotion,gender\ncalls/a.wav,sad,f\n" + "calls/b.wav,sad,x\n" * 30)
    with pytest.raises(CorpusError) as raised:
        read(root)
    assert "used: 30 rows from row 2 on (gender is 'x', not female or male); correct" in str(
        raised.value
    )


@pytest.mark.parametrize(
    "content",
    [
        b"Path;Emotion;Valence\r\ncalls/a.wav;angry;1,5\r\n",
        b"Path\tEmotion\tValence\ncalls/a.wav\tangry\t1.5\n",
        b"\xef\xbb\xbfPath;Emotion;Valence\ncalls/a.wav;angry;1,5\n",
        "Path\tEmotion\tValence\ncalls/a.wav\tangry\t1,5\n".encode("utf-16"),
        b"sep=;\npath;emotion;valence\ncalls/a.wav; angry ;1.5\n",
        b"file,label,valence\ncalls/a.wav,angry,1.5\n",
        b"File Name,LABEL,valence,extra,valance\ncalls/a.wav, angry,1.5,x,2\n",
        b"path,file,emotion,label,valence\ncalls/a.wav,1,angry,3,1.5\n",
    ],
)
def test_tables_of_spreadsheets_are_understood(root: Path, content: bytes) -> None:
    (root / "table.csv").write_bytes(content)
    assert read(root) == [Utterance("calls/a", "calls/a.wav", "angry", "not stated", valence=1.5)]


@pytest.mark.parametrize(
    ("cell", "gender"), [("m", "male"), ("F", "female"), ("Female", "female"), (" male ", "male")]
)
@pytest.mark.parametrize("column", ["gender", "Sex"])
def test_gender_is_understood_in_short(root: Path, column: str, cell: str, gender: str) -> None:
    write(root, f"path,emotion,{column}\ncalls/a.wav,angry,{cell}\n")
    assert read(root)[0].gender == gender


def test_columns_that_are_not_read_are_noted(root: Path) -> None:
    write(root, ",path,emotion,mood,speeker\n0,calls/a.wav,angry,x,y\n")
    reader = get_reader("table")
    assert isinstance(reader, NotingReader)
    assert reader.notes(root) == [
        "table.csv has columns that are not read: '', 'mood', 'speeker' (did you mean speaker?)"
    ]
    write(root, "path,emotion\ncalls/a.wav,angry\n")
    assert reader.notes(root) == []


def test_absolute_paths_in_the_folder_are_relative_ones(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    write(root, f"path,emotion\n{root}/calls/a.wav,sad\n{link}/calls/b.wav,sad\n")
    assert [u.path for u in read(link)] == ["calls/a.wav", "calls/b.wav"]


@pytest.mark.parametrize("name", ["labels.xlsx", "Table.XLS", "labels.csv"])
def test_a_sheet_of_another_kind_is_named(root: Path, name: str) -> None:
    (root / name).touch()
    with pytest.raises(CorpusError, match=f"has {name}, but no table.csv; save the list"):
        get_reader("table").files(root)
