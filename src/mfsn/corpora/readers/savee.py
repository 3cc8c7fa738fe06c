"""SAVEE: four men, seven emotions, no sessions, 44.1 kHz.

The reader accepts the official tree (AudioData/DC/a01.wav) and flat copies (ALL/DC_a01.wav).
"""

from __future__ import annotations

import re
from pathlib import PurePath

from mfsn.corpora.readers.named import NamedClips


class Savee(NamedClips):
    """Reader of SAVEE (Haq and Jackson)."""

    # Speaker, emotion (the pattern tries codes of two letters first), number.
    pattern = re.compile(r"(?P<speaker>[A-Z]{2})_(?P<emotion>sa|su|a|d|f|h|n)\d\d")
    example = "AudioData/DC/sa01.wav or ALL/DC_sa01.wav"

    def clip_name(self, path: PurePath) -> str:
        """DC_a01 in both layouts: if the file name has no speaker, the folder is the speaker."""
        return path.stem if "_" in path.stem else f"{path.parent.name}_{path.stem}"
