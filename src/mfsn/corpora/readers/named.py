"""Corpora whose labels stand in the file names."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, ClassVar

from mfsn.corpora.base import Utterance, audio_below, refuse
from mfsn.corpora.facts import CorpusFacts


@dataclass(frozen=True)
class NamedClips(ABC):
    """Reader of WAV or FLAC clips; a subclass says how their names look and what they mean."""

    facts: CorpusFacts

    pattern: ClassVar[re.Pattern[str]]
    """Matches a whole `clip_name`."""
    example: ClassVar[str]
    """A path as it should look, for messages."""

    @abstractmethod
    def describe(self, name: re.Match[str]) -> dict[str, Any]:
        """The fields of `Utterance` that a file name tells.

        Args:
            name: a match of `pattern`.

        Raises:
            KeyError: if the name holds a code that the corpus does not have.
        """

    def clip_name(self, path: PurePath) -> str:
        """What a clip is called, and its utterance id: the file name without its ending.

        Args:
            path: of the clip, relative to the corpus root.
        """
        return path.stem

    def files(self, root: Path) -> list[str]:
        """The WAV and FLAC files, one a clip."""
        return audio_below(root, (".wav", ".flac"), lambda p: self.clip_name(p) + p.suffix)

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance a clip.

        Raises:
            CorpusError: if a name does not follow the pattern, or holds a label, sentence or
                speaker code that the corpus does not have.
        """
        strangers: list[str] = []
        utterances = [self._read(file, strangers) for file in files]
        refuse(
            strangers,
            f"{root} holds files that are not clips of {self.facts.title} with a known label",
            f"move them elsewhere (clips look like {self.example})",
        )
        return [utterance for utterance in utterances if utterance is not None]

    def _read(self, file: str, strangers: list[str]) -> Utterance | None:
        clip = self.clip_name(PurePosixPath(file))
        name = self.pattern.fullmatch(clip)
        if name is None:
            strangers.append(file)
            return None
        try:
            return Utterance(clip, file, licence=self.facts.licence, **self.describe(name))
        except KeyError as error:
            strangers.append(f"{file} (unknown code {error})")
            return None
