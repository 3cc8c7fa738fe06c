"""nEMO: nine Polish speakers, six emotions, no sessions; one table contains the labels."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.corpora.base import Utterance, refuse
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.readers.annotation_tables import Row, read_rows

TABLE = "data.tsv"
CLIPS = "samples"
COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id")


@dataclass(frozen=True)
class Nemo:
    """Reader of nEMO (Christop 2024): data.tsv and samples/SPK_emotion_N.wav."""

    facts: CorpusFacts

    def files(self, root: Path) -> list[str]:
        """The table and the recordings in `samples`; empty if there is no table."""
        if not (root / TABLE).is_file():
            return []
        clips = (f"{CLIPS}/{path.name}" for path in (root / CLIPS).glob("[!.]*.wav"))
        return sorted([TABLE, *clips])

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per row of the table.

        Raises:
            CorpusError: if the table cannot be read, or a row names an emotion or a speaker that
                nEMO does not have, or a recording that does not exist. One message lists all such
                rows.
        """
        rows, present = read_rows(root / TABLE, COLUMNS, "\t", csv.QUOTE_NONE), set(files)
        refuse(
            [
                f"{row.where} ({problem})"
                for row in rows
                for problem in self._problems(row, present)
            ],
            f"{root} has rows that cannot be used",
            f"get {TABLE} and {CLIPS} of nEMO again, or take these rows out of the table",
        )
        return [self._utterance(row) for row in rows]

    def _problems(self, row: Row, present: Collection[str]) -> Iterator[str]:
        if row.cells["emotion"] not in self.facts.labels:
            yield f"unknown emotion {row.cells['emotion']!r}"
        if row.cells["speaker_id"] not in self.facts.genders:
            yield f"unknown speaker {row.cells['speaker_id']!r}"
        if _clip(row) not in present:
            yield f"{_clip(row)} is missing"

    def _utterance(self, row: Row) -> Utterance:
        return Utterance(
            utterance_id=row.cells["file_id"].removesuffix(".wav"),
            path=_clip(row),
            emotion=self.facts.labels[row.cells["emotion"]],
            licence=self.facts.licence,
            speaker=row.cells["speaker_id"],
            gender=self.facts.genders[row.cells["speaker_id"]],
            transcript=row.cells["raw_text"],
        )


def _clip(row: Row) -> str:
    return f"{CLIPS}/{row.cells['file_id']}"
