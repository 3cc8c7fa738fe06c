"""MELD: utterances of a television series, seven emotions, an official split.

The tables list the utterances. The folders of clips contain other files too, so the paths of clips
are made from the rows, and the folders are not listed.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.corpora.base import Utterance, plain, refuse
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.readers.annotation_tables import Row, read_rows
from mfsn.errors import CorpusError

FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
"""The folder of clips for each official split."""
COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")


@dataclass(frozen=True)
class _Split:
    """One table with the folder of its clips."""

    name: str
    table: str
    folder: str
    """Both relative to the corpus folder, with forward slashes."""
    rows: list[Row]

    def clip(self, row: Row) -> str:
        """The path of a row's clip, relative to the corpus folder."""
        return f"{self.folder}/{_clip_name(row)}.mp4"

    def utterance_id(self, row: Row) -> str:
        """The split and the name of the clip, since every split numbers its own dialogues."""
        return f"{self.name}_{_clip_name(row)}"


@dataclass(frozen=True)
class Meld:
    """Reader of MELD (Poria et al. 2019): {train,dev,test}_sent_emo.csv and MP4 clips."""

    facts: CorpusFacts

    def files(self, root: Path) -> list[str]:
        """The tables and the clips that they name; empty if there is no table.

        Raises:
            CorpusError: if a table cannot be read, or its folder of clips is missing.
        """
        splits = list(_splits(root))
        there = {
            f"{split.folder}/{path.name}"
            for split in splits
            for path in (root / split.folder).iterdir()
        }
        clips = {split.clip(row) for split in splits for row in split.rows}
        return sorted([*(split.table for split in splits), *(clips & there)])

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per row, including those whose clips are known to be missing.

        Raises:
            CorpusError: in the same cases as `files`; and if a row has an unknown emotion, has no
                number in a column of numbers, or names another clip that does not exist. One
                message lists all such rows.
        """
        splits, present = list(_splits(root)), set(files)
        refuse(
            [
                f"{row.where} ({problem})"
                for split in splits
                for row in split.rows
                for problem in self._problems(split, row, present)
            ],
            f"{root} has rows that cannot be used",
            "get the tables and clips of MELD again, or take these rows out of the tables",
        )
        # The tables spell some speakers in several ways. Each gets one of its spellings.
        names = sorted({row.cells["Speaker"] for split in splits for row in split.rows})
        spelt = {plain(name): name for name in names}
        return [self._utterance(split, row, spelt) for split in splits for row in split.rows]

    def _problems(self, split: _Split, row: Row, present: Collection[str]) -> Iterator[str]:
        if row.cells["Emotion"] not in self.facts.labels:
            yield f"unknown emotion {row.cells['Emotion']!r}"
        numbers = [name for name in COLUMNS[-2:] if not row.cells[name].isdecimal()]
        yield from (f"{name} is {row.cells[name]!r}, not a number" for name in numbers)
        known_bad = split.utterance_id(row) in self.facts.bad_clips
        if not numbers and not known_bad and split.clip(row) not in present:
            yield f"{split.clip(row)} is missing"

    def _utterance(self, split: _Split, row: Row, spelt: Mapping[str, str]) -> Utterance:
        return Utterance(
            utterance_id=split.utterance_id(row),
            path=split.clip(row),
            emotion=self.facts.labels[row.cells["Emotion"]],
            licence=self.facts.licence,
            speaker=spelt[plain(row.cells["Speaker"])],
            transcript=row.cells["Utterance"],
            split=split.name,
            stated_s=_stated_s(row),
        )


def _stated_s(row: Row) -> float | None:
    """Seconds between start and end of a row (00:16:16,059); None where they make no sense."""
    start, end = (_seconds(row.cells.get(name, "")) for name in ("StartTime", "EndTime"))
    return end - start if start is not None and end is not None and end > start else None


def _seconds(time: str) -> float | None:
    found = re.fullmatch(r"(\d+):(\d+):(\d+)[,.](\d+)", time)
    if found is None:
        return None
    hours, minutes, seconds, fraction = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(f"{seconds}.{fraction}")


def _splits(root: Path) -> Iterator[_Split]:
    for name, folder in FOLDERS.items():
        table = _find(root, f"{name}_sent_emo.csv")
        clips = _find(root, folder)
        if table and not clips:
            raise CorpusError(
                f"{root} has {table}, but no folder {folder} with its clips; unpack MELD's "
                "archive of this split there"
            )
        if table and clips:
            rows = read_rows(root / table, COLUMNS, ",", csv.QUOTE_MINIMAL)
            yield _Split(name, table, clips, rows)


def _find(root: Path, name: str) -> str | None:
    """Find a file or folder at most two folders below `root`; the least nested one if several."""
    depths = ("", "*/", "*/*/")
    found = (path for depth in depths for path in sorted(root.glob(f"{depth}{name}")))
    visible = (path.relative_to(root) for path in found)
    paths = (path.as_posix() for path in visible if not any(p.startswith(".") for p in path.parts))
    return next(paths, None)


def _clip_name(row: Row) -> str:
    return f"dia{row.cells['Dialogue_ID']}_utt{row.cells['Utterance_ID']}"
