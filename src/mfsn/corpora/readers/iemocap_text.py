"""The annotation files of IEMOCAP: EmoEvaluation and transcriptions, one file per dialogue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# [6.2901 - 8.2357]<TAB>Ses01F_impro01_F000<TAB>neu<TAB>[2.5000, 2.5000, 2.5000]
_TURN = re.compile(
    r"\[\d+\.\d+ - \d+\.\d+\]\s+(?P<id>\S+)\s+(?P<code>\S+)\s+"
    r"\[(?P<valence>\d+\.\d+), (?P<activation>\d+\.\d+), (?P<dominance>\d+\.\d+)\]"
)
# C-E2:<TAB>Anger; Frustration;<TAB>(comment); E1 to E6 are raters, F1 and M1 are the actors.
_CATEGORIES = re.compile(r"C-(?P<rater>[EFM]\d):\s*(?P<words>[^(]*)(\(.*)?")
# A-E3:<TAB>val 3; act 2; dom  2;<TAB>(); a number may be missing.
_ATTRIBUTES = re.compile(r"A-[EFM]\d:\s*val[\s\d.]*;\s*act[\s\d.]*;\s*dom[\s\d.]*;.*")
# Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
_SPOKEN = re.compile(r"(?P<id>Ses\S+) \[\d+\.\d+-\d+\.\d+\]:(?P<text>.*)")


@dataclass(frozen=True)
class Turn:
    """What EmoEvaluation says about one utterance."""

    utterance_id: str
    code: str
    """The emotion in three letters; xxx if the raters did not agree."""
    valence: float
    activation: float
    dominance: float
    """Each of the three is a mean over raters; the lowest rating is 1."""
    where: str
    """File and line, for messages."""
    ratings: list[list[str]] = field(default_factory=list)
    """The words that each external rater chose, without the actors' ratings of themselves."""


def read_evaluation(path: Path, problems: list[str]) -> list[Turn]:
    """The turns of a dialogue.

    Args:
        path: dialog/EmoEvaluation/<dialogue>.txt.
        problems: a text is added to this list for every line that cannot be understood.
    """
    turns: list[Turn] = []
    for where, line in _lines(path):
        turn, categories = _TURN.fullmatch(line), _CATEGORIES.fullmatch(line)
        if turn and turn["id"].startswith(f"{path.stem}_"):
            valence, activation, dominance = (float(number) for number in turn.group(3, 4, 5))
            turns.append(Turn(turn["id"], turn["code"], valence, activation, dominance, where))
        elif categories and turns:
            if categories["rater"].startswith("E"):
                words = map(str.strip, categories["words"].split(";"))
                turns[-1].ratings.append([word for word in words if word])
        elif not (line.startswith("%") or (_ATTRIBUTES.fullmatch(line) and turns)):
            problems.append(f"{where} ({line[:60]!r})")
    return turns


def read_transcription(path: Path, problems: list[str]) -> dict[str, str]:
    """The spoken text of each utterance of a dialogue, by utterance id.

    Lines that do not begin with an id, such as `M:` and `[LAUGHTER]`, are remarks.

    Args:
        path: dialog/transcriptions/<dialogue>.txt.
        problems: a text is added to this list for every line that cannot be understood.
    """
    texts: dict[str, str] = {}
    for where, line in _lines(path):
        spoken = _SPOKEN.fullmatch(line)
        if spoken:
            texts[spoken["id"]] = spoken["text"].strip()
        elif line.startswith("Ses"):
            problems.append(f"{where} ({line[:60]!r})")
    return texts


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The place and text of every line that is not blank. Some files contain Latin-1 bytes."""
    session = path.parents[2].name
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"{session}/dialog/{path.parent.name}/{path.name}, line {number}", line.strip()
