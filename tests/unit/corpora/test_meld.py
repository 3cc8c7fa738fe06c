"""MELD: the tables in their full shape, with invented lines, and a few clips that are real MP4."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from mfsn.corpora.base import Utterance, get_reader
from mfsn.corpora.config import CorpusConfig, LabelsConfig, PrepareConfig
from mfsn.corpora.preparing.check import check_corpus
from mfsn.corpora.preparing.prepare import prepare_corpus
from mfsn.corpora.preparing.scan import scan_corpus
from mfsn.errors import CorpusError
from mfsn.protocols.config import ProtocolConfig
from mfsn.protocols.make import make_folds

MELD = CorpusConfig(name="meld", reader="meld")
SEVEN = LabelsConfig(classes=["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"])
EMOTIONS = ("neutral", "joy", "surprise", "anger", "sadness", "disgust", "fear")
SPLITS = {
    "train": (4710, 1743, 1205, 1109, 683, 271, 268),
    "dev": (470, 163, 150, 153, 111, 22, 40),
    "test": (1256, 402, 281, 345, 208, 68, 50),
}
DIALOGUES = {"train": 1039, "dev": 114, "test": 280}  # train has no number 60
FOLDERS = {
    "train": "train/train_splits",
    "dev": "dev/dev_splits_complete",
    "test": "test/output_repeated_splits_test",
}
BAD = {"train": (125, 3), "dev": (110, 7)}  # both neutral: corrupt, missing
COLUMNS = (
    "Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID",
    "Season", "Episode", "StartTime", "EndTime",
)  # fmt: skip

Clip = tuple[int, int, str]


def rows(split: str) -> Iterator[Clip]:
    """Dialogue, number and emotion; a dialogue's utterances follow each other."""
    numbers = [n for n in range(DIALOGUES[split]) if (split, n) != ("train", 60)]
    emotions = [e for e, count in zip(EMOTIONS, SPLITS[split], strict=True) for _ in range(count)]
    shortest, longer = divmod(len(emotions), len(numbers))
    places = [(d, u) for i, d in enumerate(numbers) for u in range(shortest + (i < longer))]
    neutral = BAD.get(split, (0, 0))
    places = [neutral, *(place for place in places if place != neutral)]
    yield from ((d, u, e) for (d, u), e in zip(places, emotions, strict=True))


def write_table(path: Path, clips: list[Clip]) -> None:
    """As published: CRLF, quoted commas, curly quotes, and times that are not always padded."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number, (dialogue, utterance, emotion) in enumerate(clips, start=1):
        spoken = f"Well, it’s “{number}”, you know."
        start = "0:12:32,632" if number % 2 else "00:12:32,632"
        writer.writerow((number, spoken, "Chris Anybody", emotion, "neutral", dialogue, utterance,
                         8, 21, start, start))  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def write_mp4(path: Path, seconds: float, layout: str, pitch_hz: float) -> None:
    """A clip with AAC sound at 48 kHz."""
    times = np.arange(round(48_000 * seconds)) / 48_000
    tone = np.sin(2 * np.pi * pitch_hz * times).astype(np.float32) / 2
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout=layout)
        for start in range(0, len(tone), 1024):
            piece = np.tile(tone[start : start + 1024], (stream.channels, 1))
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All rows, and a file for every clip that the release has; not to be changed by a test."""
    root = tmp_path_factory.mktemp("meld")
    for split, folder in FOLDERS.items():
        place = root / "MELD.Raw" / folder
        clips = list(rows(split))
        write_table(place.parent / f"{split}_sent_emo.csv", clips)
        place.mkdir()
        for dialogue, utterance, _ in clips:
            if split != "dev" or (dialogue, utterance) != BAD["dev"]:
                (place / f"dia{dialogue}_utt{utterance}.mp4").touch()
    extra = root / "MELD.Raw" / FOLDERS["test"]
    (extra / "final_videos_testdia101_utt0.mp4").touch()
    (extra / "._dia0_utt0.mp4").touch()
    return root


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A few clips of each split, with tables at the top; a test may change them."""
    pitches = iter(range(200, 2000, 20))
    for split, folder in FOLDERS.items():
        count = {"train": 14, "dev": 7, "test": 7}[split]
        clips = [(n // 5, n % 5, EMOTIONS[n % 7]) for n in range(count)]
        place = tmp_path / Path(folder).name
        place.mkdir()
        for number, (dialogue, utterance, _) in enumerate(clips):
            layout = ("3.0", "mono", "stereo")[number % 3]
            path = place / f"dia{dialogue}_utt{utterance}.mp4"
            write_mp4(path, 0.064 if number == 1 else 0.2, layout, next(pitches))
        bad = [(*BAD[split], "neutral")] if split in BAD else []
        write_table(tmp_path / f"{split}_sent_emo.csv", clips + bad)
    (tmp_path / "train_splits" / "dia125_utt3.mp4").write_bytes(b"corrupt")
    return tmp_path


def read(root: Path) -> list[Utterance]:
    reader = get_reader("meld")
    return reader.utterances(root, reader.files(root))


def test_the_tables_have_13708_rows_in_an_official_split(tables: Path) -> None:
    found = read(tables)
    assert Counter(u.split for u in found) == {"train": 9989, "dev": 1109, "test": 2610}
    assert Counter(u.emotion for u in found if u.split == "test") == dict(
        zip(EMOTIONS, SPLITS["test"], strict=True)
    )
    assert len({u.utterance_id for u in found}) == 13_708
    dialogues = {u.utterance_id.partition("_utt")[0] for u in found}
    assert len(dialogues) == 1038 + 114 + 280


def test_published_totals_are_met_and_13706_can_be_used(tables: Path) -> None:
    facts = get_reader("meld").facts
    found = read(tables)
    assert Counter(u.emotion for u in found) == facts.utterances
    assert Counter(u.split for u in found) == facts.splits
    usable = [u for u in found if u.utterance_id not in facts.bad_clips]
    assert len(usable) == 13_706
    assert Counter(u.emotion for u in usable)["neutral"] == 6434


def test_files_without_a_row_are_no_clips(tables: Path) -> None:
    files = get_reader("meld").files(tables)
    assert len(files) == 3 + 13_707
    assert not [name for name in files if "final_videos" in name or "._" in name]


def test_a_row_is_read_field_by_field(small: Path) -> None:
    assert read(small)[1] == Utterance(
        utterance_id="train_dia0_utt1",
        path="train_splits/dia0_utt1.mp4",
        emotion="joy",
        licence="GPL-3.0 for the tables, none for the clips (a television series), no "
        "redistribution",
        speaker="Chris Anybody",
        transcript="Well, it’s “2”, you know.",
        split="train",
    )


def test_mp4_clips_become_a_manifest_and_the_official_split_a_fold(small: Path) -> None:
    prepare = PrepareConfig(require_complete=False)
    manifest, account = prepare_corpus(MELD, SEVEN, prepare, small, scan_corpus(MELD, small))
    assert len(manifest) == 28
    assert account["excluded"] == ["dev_dia110_utt7", "train_dia125_utt3"]
    seconds = manifest.set_index("utterance_id")["duration_s"]
    assert seconds["train_dia0_utt0"] == pytest.approx(0.2, abs=0.03)
    assert seconds["train_dia0_utt1"] == pytest.approx(0.064, abs=0.03)
    (fold,) = make_folds(manifest, ProtocolConfig(name="official_split"), small)
    assert (len(fold.train), len(fold.dev), len(fold.test)) == (14, 7, 7)
    assert not fold.speaker_independent


def test_a_clip_of_another_length_than_its_row_is_told(small: Path) -> None:
    table = small / "train_sent_emo.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1][: lines[1].rindex(',"')] + ',"00:14:33,100"'
    table.write_text("\n".join(lines), encoding="utf-8")
    assert [u.stated_s for u in read(small)[:2]] == [pytest.approx(120.468), None]
    survey = check_corpus(MELD, SEVEN, PrepareConfig(require_complete=False), small).survey
    (doubt,) = survey.doubtful.items()
    assert doubt[0] == "far longer or shorter than the table says"
    assert doubt[1] == ["train_dia0_utt0 (0.2 s, and its row says 120.5 s)"]


def test_a_shortage_is_told_by_split(small: Path) -> None:
    report = check_corpus(MELD, SEVEN, PrepareConfig(), small)
    problem = next(line for line in report.lines() if line.startswith("problem: "))
    assert "splits train 15/9989, dev 8/1109, test 7/2610" in problem


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (",joy,", ",happy,", r"train_sent_emo\.csv, line 3 \(unknown emotion 'happy'\)"),
        ("neutral,0,0,", "neutral,zero,0,", r"line 2 \(Dialogue_ID is 'zero', not a number\)"),
        ("neutral,0,0,", "neutral,0,77,", r"\(train_splits/dia0_utt77\.mp4 is missing\)"),
        ("Emotion", "Mood", "lacks the columns Emotion; copy it again"),
        (",8,21,", ",8,", "has 10 cells in line 2 and 11 columns; copy it again"),
        ('"Well, it’s “2”', "Well, it’s “2”", "has 13 cells in line 3 and 11 columns"),
        ('"Well, it’s “14”, you know."', '"Well', r"cells in line \d+ and 11 columns"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(small: Path, old: str, new: str, problem: str) -> None:
    table = small / "train_sent_emo.csv"
    text = table.read_bytes().decode()
    assert old in text
    table.write_bytes(text.replace(old, new, 1).encode())
    with pytest.raises(CorpusError, match=problem) as raised:
        read(small)
    assert "\n" not in str(raised.value)


def test_a_table_without_its_folder_is_an_error(small: Path) -> None:
    (small / "dev_splits_complete").rename(small / "clips")
    with pytest.raises(CorpusError, match=r"dev_sent_emo\.csv, but no folder dev_splits_complete"):
        get_reader("meld").files(small)
