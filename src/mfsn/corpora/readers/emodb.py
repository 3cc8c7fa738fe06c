"""EMO-DB (Berlin): ten speakers, seven emotions, no sessions; this reader gives no transcripts."""

from __future__ import annotations

import re
from typing import Any

from mfsn.corpora.readers.named import NamedClips


class EmoDb(NamedClips):
    """Reader of EMO-DB (Burkhardt et al. 2005) from its folder `wav` or from a flat folder."""

    # Speaker, text, letter of the German word for the emotion, version.
    pattern = re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[A-Z])[a-z]")
    example = "wav/03a01Fa.wav"

    def describe(self, name: re.Match[str]) -> dict[str, Any]:
        """The emotion and the speaker.

        Raises:
            KeyError: if EMO-DB has no such emotion letter or speaker.
        """
        return {
            "emotion": self.facts.labels[name["emotion"]],
            "speaker": name["speaker"],
            "gender": self.facts.genders[name["speaker"]],
        }
