"""IEMOCAP: ten actors, two in each of five sessions; improvised and scripted dialogues."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.corpora.base import Utterance, refuse
from mfsn.corpora.facts import CorpusFacts
from mfsn.corpora.readers.iemocap_text import Turn, read_evaluation, read_transcription
from mfsn.errors import CorpusError

# Session, the actor with the motion-capture markers (not the speaker), dialogue, speaker and
# number. Some dialogues have two takes: Ses03M_impro05a, Ses05M_script01_1b.
ID = re.compile(
    r"(?P<dialogue>(?P<session>Ses0[1-5])[FM]_(impro\d\d|script\d\d_\d)[ab]?)_(?P<actor>[FM])\d{3}"
)
EVALUATION, TRANSCRIPTIONS, CLIPS = "dialog/EmoEvaluation", "dialog/transcriptions", "sentences/wav"
ADVICE = "unpack IEMOCAP_full_release again"


@dataclass(frozen=True)
class Iemocap:
    """Reader of IEMOCAP_full_release (Busso et al. 2008), or of the folder that contains it."""

    facts: CorpusFacts

    def files(self, root: Path) -> list[str]:
        """The clips of sentences, and the evaluation and transcription of each dialogue."""
        texts = (f"{folder}/Ses*.txt" for folder in (EVALUATION, TRANSCRIPTIONS))
        patterns = (*texts, f"{CLIPS}/Ses*/Ses*.wav")
        found = (path for s in _sessions(root) for p in patterns for path in s.glob(p))
        return sorted(path.relative_to(root).as_posix() for path in found)

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per turn in EmoEvaluation.

        Raises:
            CorpusError: if a folder of a session is missing, or if a line cannot be understood,
                has an unknown emotion code, or names a clip that does not exist. One message
                lists all such lines.
        """
        _refuse_missing_folders(root)
        problems: list[str] = []
        turns = list(_turns(root, problems))
        texts = _transcripts(root, problems)
        clips = {Path(file).stem: file for file in files if file.endswith(".wav")}
        problems += [p for turn in turns for p in self._problems(turn, clips)]
        refuse(problems, f"{root} has annotations that cannot be used", ADVICE)
        return [
            self._utterance(turn, clips[turn.utterance_id], texts.get(turn.utterance_id))
            for turn in turns
        ]

    def votes(self, root: Path) -> dict[str, dict[str, float]]:
        """The share of each emotion in the votes of the external raters.

        Each rater has one vote, which is split equally if the rater names several emotions. The
        actors' ratings of themselves do not count; they do not count for the labels of the release
        either.

        Raises:
            CorpusError: if a line cannot be understood, or a rater's word is unknown. One message
                lists all such lines.
        """
        problems: list[str] = []
        turns = list(_turns(root, problems))
        problems += [
            f"{turn.where} (a rater says {word!r}; known are {', '.join(self.facts.votes)})"
            for turn in turns
            for word in sorted({word for words in turn.ratings for word in words})
            if word not in self.facts.votes
        ]
        refuse(problems, f"{root} has votes of raters that cannot be used", ADVICE)
        return {turn.utterance_id: self._shares(turn) for turn in turns}

    def _problems(self, turn: Turn, clips: dict[str, str]) -> Iterator[str]:
        if not ID.fullmatch(turn.utterance_id):
            yield f"{turn.where} (IEMOCAP has no utterance {turn.utterance_id})"
        elif turn.utterance_id not in clips:
            yield f"{turn.where} ({turn.utterance_id}.wav is missing in {CLIPS})"
        if turn.code not in self.facts.labels:
            yield f"{turn.where} (unknown emotion code {turn.code!r})"

    def _utterance(self, turn: Turn, clip: str, transcript: str | None) -> Utterance:
        name = ID.fullmatch(turn.utterance_id)
        assert name is not None, "checked by _problems"
        speaker = name["session"] + name["actor"]
        return Utterance(
            utterance_id=turn.utterance_id,
            path=clip,
            emotion=self.facts.labels[turn.code],
            licence=self.facts.licence,
            speaker=speaker,
            session=name["session"],
            gender=self.facts.genders[speaker],
            valence=turn.valence,
            arousal=turn.activation,
            dominance=turn.dominance,
            transcript=transcript,
        )

    def _shares(self, turn: Turn) -> dict[str, float]:
        voters = [words for words in turn.ratings if words]
        shares: dict[str, float] = defaultdict(float)
        for words in voters:
            for word in words:
                shares[self.facts.votes[word]] += 1 / len(words) / len(voters)
        return dict(shares)


def _sessions(root: Path) -> list[Path]:
    for release in (root, root / "IEMOCAP_full_release"):
        sessions = sorted(path for path in release.glob("Session[1-5]") if path.is_dir())
        if sessions:
            return sessions
    return []


def _refuse_missing_folders(root: Path) -> None:
    for session in _sessions(root):
        for folder in (EVALUATION, TRANSCRIPTIONS, CLIPS):
            if not (session / folder).is_dir():
                raise CorpusError(f"{session} has no folder {folder}; {ADVICE}")


def _turns(root: Path, problems: list[str]) -> Iterator[Turn]:
    for session in _sessions(root):
        for path in sorted((session / EVALUATION).glob("Ses*.txt")):
            yield from read_evaluation(path, problems)


def _transcripts(root: Path, problems: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for session in _sessions(root):
        for path in sorted((session / TRANSCRIPTIONS).glob("Ses*.txt")):
            texts |= read_transcription(path, problems)
    return texts
