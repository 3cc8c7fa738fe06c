"""Read the sound of MP4 files with PyAV (extra `meld`), since libsndfile does not read them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mfsn.audio.in_memory import AudioFile, for_library
from mfsn.base.arrays import Float64
from mfsn.errors import AudioError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer


def is_mp4(path: AudioFile) -> bool:
    """Whether a file begins as MP4 files (and M4A, MOV and their like) do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8)[4:] == b"ftyp"


def probe_mp4(path: Path) -> tuple[int, int, int]:
    """Frames (from the header, so not exact), sample rate in hertz and channels.

    Raises:
        AudioError: in the same cases as `decode_mp4`, except damage that only decoding finds.
    """
    with _opened(path) as (_, stream):
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        return round(seconds * stream.rate), stream.rate, stream.channels


def decode_mp4(path: AudioFile) -> tuple[Float64, int]:
    """Decode the first sound track.

    Returns:
        Samples (frames, channels) with full scale 1, and the sample rate in hertz.

    Raises:
        AudioError: if PyAV is not installed, or if the file is shorter than its boxes say, is
            damaged, or contains no sound.
    """
    with _opened(path) as (container, stream):
        from av import AudioResampler

        to_floats = AudioResampler(format="fltp")
        pieces = [
            converted.to_ndarray()
            for frame in (*container.decode(stream), None)
            for converted in to_floats.resample(frame)
        ]
        rate = stream.rate
    if not sum(piece.shape[1] for piece in pieces):
        raise _without_sound(path)
    return np.concatenate(pieces, axis=1).T.astype(np.float64), rate


def _refuse_truncated(path: AudioFile) -> None:
    missing = _bytes_missing(path)
    if missing:
        raise AudioError(
            f"{path} is truncated: it is {missing} bytes shorter than its boxes say; copy it "
            "again from its source"
        )


@contextlib.contextmanager
def _opened(path: AudioFile) -> Iterator[tuple[InputContainer, AudioStream]]:
    try:
        import av
    except ImportError:
        raise AudioError(
            f"{path} is an MP4 file, which needs PyAV; install it with `pip install 'mfsn[meld]'`"
        ) from None
    _refuse_truncated(path)
    try:
        with av.open(for_library(path), mode="r") as container:
            if not container.streams.audio:
                raise _without_sound(path)
            yield container, container.streams.audio[0]
    except AudioError:
        raise
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(
            f"{path} cannot be read as audio ({reason}); copy it again from its source"
        ) from error


def _without_sound(path: AudioFile) -> AudioError:
    return AudioError(f"{path} contains no samples; copy it again from its source or remove it")


def _bytes_missing(path: AudioFile) -> int:
    """Bytes by which the last box of the file goes beyond its end.

    The first four bytes of a box are its size. If they are 1, the size is in eight bytes after the
    type; if they are 0, the box goes to the end of the file.
    """
    position = 0
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
        while position + 8 <= length:
            file.seek(position)
            head = file.read(16)
            size = int.from_bytes(head[:4])
            size = int.from_bytes(head[8:]) if size == 1 else size or length - position
            position += max(size, 8)
    return max(0, position - length)
