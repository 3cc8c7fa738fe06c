"""Corpus `tones`: the names of its files say who speaks and how, such as s0-angry-1.wav."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mfsn.corpora.base import Utterance
from mfsn.corpora.facts import CorpusFacts


class Tones:
    """Reader of the corpus."""

    @property
    def facts(self) -> CorpusFacts:
        """What is published about it."""
        return CorpusFacts(title="Tones", licence="CC0-1.0", obtain="made by its own tests")

    def files(self, root: Path) -> list[str]:
        """All recordings."""
        return sorted(path.name for path in root.glob("*.wav"))

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance for each recording."""
        found = []
        for name in files:
            speaker, emotion, _ = name.removesuffix(".wav").split("-")
            utterance_id = name.removesuffix(".wav")
            found.append(Utterance(utterance_id, name, emotion, "CC0-1.0", speaker=speaker))
        return found
