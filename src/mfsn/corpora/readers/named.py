"""Corpora whose file names contain the labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, ClassVar

from mfsn.corpora.base import Utterance, audio_below, refuse
from mfsn.corpora.facts import CorpusFacts


@dataclass(frozen=True)
class NamedClips:
    """Reader of WAV or FLAC clips; a subclass defines the pattern of their names."""

    facts: CorpusFacts

    pattern: ClassVar[re.Pattern[str]]
    """The pattern that a whole `clip_name` must match. Its groups are `emotion`, `speaker` and, if
    the name tells what is said, `sentence`: codes that `facts` explains."""
    example: ClassVar[str]
    """A path of the right form, for messages."""

    def clip_name(self, path: PurePath) -> str:
        """The name of a clip, which is also its utterance id: the file name without its ending.

        Args:
            path: the path of the clip, relative to the corpus root.
        """
        return path.stem

    def files(self, root: Path) -> list[str]:
        """The WAV and FLAC files, one per clip."""
        return audio_below(root, (".wav", ".flac"), lambda p: self.clip_name(p) + p.suffix)

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance per clip.

        Raises:
            CorpusError: if a name does not follow the pattern, or contains a label, sentence or
                speaker code that the corpus does not have.
        """
        strangers: list[str] = []
        utterances = [self._read(file, strangers) for file in files]
        refuse(
            strangers,
            f"{root} contains files that are not clips of {self.facts.title} with a known label",
            f"move them elsewhere (names of clips look like {self.example})",
        )
        return [utterance for utterance in utterances if utterance is not None]

    def _read(self, file: str, strangers: list[str]) -> Utterance | None:
        clip = self.clip_name(PurePosixPath(file))
        name = self.pattern.fullmatch(clip)
        if name is None:
            strangers.append(file)
            return None
        try:
            return Utterance(
                clip, file, licence=self.facts.licence, **self._described(name.groupdict())
            )
        except KeyError as error:
            strangers.append(f"{file} (unknown code {error})")
            return None

    def _described(self, codes: Mapping[str, str]) -> dict[str, Any]:
        """The fields of `Utterance` that follow from the codes in a file name."""
        sentence = codes.get("sentence")
        return {
            "emotion": self.facts.labels[codes["emotion"]],
            "speaker": codes["speaker"],
            "gender": self.facts.genders[codes["speaker"]],
            "transcript": None if sentence is None else self.facts.sentences[sentence],
        }
