"""CREMA-D: 91 actors, six emotions, twelve sentences, no sessions."""

from __future__ import annotations

import re
from typing import Any

from mfsn.corpora.readers.named import NamedClips


class CremaD(NamedClips):
    """Reader of CREMA-D (Cao et al. 2014) from its folder AudioWAV or from a flat folder."""

    # Actor, sentence, emotion, level (XX: not specified; some copies of one clip have X).
    pattern = re.compile(
        r"(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(LO|MD|HI|XX?)"
    )
    example = "AudioWAV/1001_DFA_ANG_XX.wav"

    def describe(self, name: re.Match[str]) -> dict[str, Any]:
        """The emotion, the actor and the sentence.

        Raises:
            KeyError: if CREMA-D has no such emotion, sentence or actor.
        """
        return {
            "emotion": self.facts.labels[name["emotion"]],
            "speaker": name["actor"],
            "gender": self.facts.genders[name["actor"]],
            "transcript": self.facts.sentences[name["sentence"]],
        }
