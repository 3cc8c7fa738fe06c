"""Corpus `tones`: the names of its files say who speaks and how, such as s0-angry-1.wav.

A tone says a word once or several times. The file words.json may name the word of each emotion.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mfsn.corpora.base import Utterance
from mfsn.corpora.facts import CorpusFacts

WORDS_FILE = "words.json"
WORDS = {"angry": "high", "sad": "low"}


class Tones:
    """Reader of the corpus."""

    @property
    def facts(self) -> CorpusFacts:
        """What is published about it."""
        return CorpusFacts(title="Tones", licence="CC0-1.0", obtain="made by its own tests")

    def files(self, root: Path) -> list[str]:
        """All recordings, and the words if they are there."""
        return sorted(path.name for path in [*root.glob("*.wav"), *root.glob(WORDS_FILE)])

    def utterances(self, root: Path, files: Sequence[str]) -> list[Utterance]:
        """One utterance for each recording."""
        own = WORDS_FILE in files
        words = json.loads((root / WORDS_FILE).read_text(encoding="utf-8")) if own else WORDS
        found = []
        for name in files[: -1 if own else None]:  # the words are the last one
            speaker, emotion, take = name.removesuffix(".wav").split("-")
            utterance_id = name.removesuffix(".wav")
            said = " ".join([words[emotion]] * (int(take) + 1))
            spoken = Utterance(utterance_id, name, emotion, "CC0-1.0", speaker, transcript=said)
            found.append(spoken)
        return found
