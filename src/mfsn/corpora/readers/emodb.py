"""EMO-DB (Berlin): ten speakers, seven emotions, no sessions; this reader gives no transcripts."""

from __future__ import annotations

import re

from mfsn.corpora.readers.named import NamedClips


class EmoDb(NamedClips):
    """Reader of EMO-DB (Burkhardt et al. 2005) from its folder `wav` or from a flat folder."""

    # Speaker, text, letter of the German word for the emotion, version.
    pattern = re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<emotion>[A-Z])[a-z]")
    example = "wav/03a01Fa.wav"
