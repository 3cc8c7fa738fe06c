"""Decode with libsndfile, by soundfile: WAV, FLAC, AIFF, Ogg and other formats."""

from __future__ import annotations

from collections.abc import Iterator

import soundfile

from mfsn.audio.in_memory import AudioFile, for_library
from mfsn.base.arrays import Float64
from mfsn.errors import AudioError

BLOCK_SAMPLES = 1 << 18
"""Samples of all channels together that are decoded at once (2 MB)."""

# The formats whose length is checked, by libsndfile or by `mfsn.audio.containers`.
_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "NIST")

# What libsndfile says of a FLAC file whose header does not count its samples; it cannot read it.
_UNCOUNTED = 1 << 62


def header(file: AudioFile) -> tuple[int, int, int] | None:
    """Frames, sample rate in hertz, and channels; None if libsndfile cannot read the file to its
    end.

    Raises:
        AudioError: if libsndfile knows the format, but mfsn could not tell a whole file of this
            format from one that was cut short.
        Exception: whatever libsndfile raises for a damaged file.
    """
    try:
        opened = soundfile.SoundFile(for_library(file))
    except soundfile.LibsndfileError as error:
        if error.code == _UNRECOGNISED:
            return None
        raise
    with opened as found:
        if found.format not in _FORMATS:
            raise AudioError(
                f"{file} is a file of the format {found.format}, which is not read; "
                "convert it to WAV or FLAC"
            )
        return (
            None if found.frames > _UNCOUNTED else (found.frames, found.samplerate, found.channels)
        )


def blocks(file: AudioFile) -> Iterator[tuple[Float64, int]]:
    """Samples (frames, channels) with full scale 1, some at a time, and the rate in hertz.

    Raises:
        AudioError: if there are fewer frames than libsndfile counted.
        Exception: whatever libsndfile raises for a damaged file.
    """
    with soundfile.SoundFile(for_library(file)) as opened:
        frames, done = max(1, BLOCK_SAMPLES // opened.channels), 0
        while len(samples_NC := opened.read(frames, dtype="float64", always_2d=True)):
            done += len(samples_NC)
            yield samples_NC, opened.samplerate
        if done < opened.frames:
            raise AudioError(
                f"{file} is truncated: {done} of {opened.frames} frames can be decoded; "
                "copy it again from its source"
            )


_UNRECOGNISED = 1
"""The code of libsndfile for a file in a format that it does not know."""
