"""RAVDESS speech: 24 actors, eight emotions, two sentences, no sessions.

The reader accepts the official tree (Actor_NN/*.wav), copies of it as FLAC, and copies that
contain it twice.
"""

from __future__ import annotations

import re

from mfsn.corpora.readers.named import NamedClips


class Ravdess(NamedClips):
    """Reader of RAVDESS speech (Livingstone and Russo 2018)."""

    # Modality 03 (audio only), channel 01 (speech), emotion, intensity, sentence, repetition,
    # speaker. Song and video have other first codes.
    pattern = re.compile(
        r"03-01-(?P<emotion>\d\d)-0[12]-(?P<sentence>\d\d)-0[12]-(?P<speaker>\d\d)"
    )
    example = "Actor_01/03-01-05-02-02-01-01.wav"
