"""CREMA-D: 91 actors, six emotions, twelve sentences, no sessions."""

from __future__ import annotations

import re

from mfsn.corpora.readers.named import NamedClips


class CremaD(NamedClips):
    """Reader of CREMA-D (Cao et al. 2014) from its folder AudioWAV or from a flat folder."""

    # Speaker, sentence, emotion, level (XX: not specified; some copies of one clip have X).
    pattern = re.compile(
        r"(?P<speaker>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(LO|MD|HI|XX?)"
    )
    example = "AudioWAV/1001_DFA_ANG_XX.wav"
