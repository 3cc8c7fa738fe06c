"""The reader of the demo corpus after `mfsn.corpora.demo.speech` has spoken it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.corpora.base import Utterance, audio_below, refuse
from mfsn.corpora.facts import CorpusFacts

METADATA = "metadata.csv"

MEAN_S = 3.1
"""Mean duration of an utterance in seconds."""
_RATINGS = ("valence", "arousal", "dominance")


@dataclass(frozen=True)
class Demo:
    """Reader of the spoken demo; the label is the emotion of the prosody, not of the words.

    The ratings are not from people: they are computed from the prosody
    (src/mfsn/corpora/demo/data/speech.yaml).
    """

    facts: CorpusFacts
    extra = ("espeakng_loader", "demo")

    def make(self, root: Path, *, named: bool) -> str | None:
        """See `mfsn.corpora.demo.speech.ensure_spoken`."""
        from mfsn.corpora.demo.speech import ensure_spoken

        return ensure_spoken(root, named=named)

    def refuse_folder(self, root: Path, *, named: bool) -> None:
        """See `mfsn.corpora.demo.speech.refuse_folder`."""
        from mfsn.corpora.demo.speech import refuse_folder

        refuse_folder(root, named=named)

    def planned(self) -> tuple[int, float]:
        """The number of utterances in the plan, and about how many seconds they last together."""
        from mfsn.corpora.demo.plan import plan_demo

        count = len(plan_demo())
        return count, count * MEAN_S

    def files(self, root: Path) -> list[str]:
        """The recordings and metadata.csv; empty if the demo has not been spoken.

        It is also empty if an older version spoke the demo, before there were ratings, since it
        will be spoken again.
        """
        if not _is_rated(root / METADATA):
            return []
        return sorted([*audio_below(root, (".wav",)), METADATA])

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per recording.

        Raises:
            CorpusError: if there are recordings that do not belong to the demo.
        """
        with (root / METADATA).open(encoding="utf-8", newline="") as file:
            rows = {row["path"]: row for row in csv.DictReader(file)}
        refuse(
            [path for path in files if path not in rows and path != METADATA],
            f"{root} contains recordings that do not belong to the demo",
            "put your own recordings into another corpus (reader table)",
        )
        return [self._utterance(rows[path]) for path in files if path in rows]

    def _utterance(self, row: dict[str, str]) -> Utterance:
        return Utterance(
            utterance_id=row["utterance_id"],
            path=row["path"],
            emotion=row["emotion"],
            licence=self.facts.licence,
            speaker=row["speaker"],
            session=row["session"],
            gender=row["gender"],
            transcript=row["transcript"],
            valence=float(row["valence"]),
            arousal=float(row["arousal"]),
            dominance=float(row["dominance"]),
            congruent=row["emotion"] == row["sentence_emotion"],
        )


def _is_rated(metadata: Path) -> bool:
    try:
        with metadata.open(encoding="utf-8", newline="") as file:
            return set(_RATINGS) <= set(next(csv.reader(file), []))
    except OSError:
        return False
