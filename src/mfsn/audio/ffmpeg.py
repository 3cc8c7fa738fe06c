"""Decode with FFmpeg, by PyAV: MP3, MP4, AAC, WebM, and what libsndfile reads only in part."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mfsn.audio.containers import no_samples, truncated
from mfsn.audio.in_memory import AudioFile
from mfsn.base.arrays import Float64

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# FFmpeg tells formats by their content. Playlists and the like, which name other files or
# addresses, are not among these.
_FORMATS = "mp3,mov,ogg,matroska,aac,flac,wav"

# Where the words Xing or Info stand in the first frame, by version and number of channels.
_LENGTH_AT = (13, 21, 36)

# Kilobits per second by the index in the header of a frame, for MPEG-1 and for MPEG-2 (layer III).
_KBPS = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)

# A stated duration is rounded, and encoders pad the beginning and the end.
_DURATION_TOLERANCE_S = 0.12


def header(file: AudioFile) -> tuple[int, int, int]:
    """Frames (0 if the file does not say it), sample rate in hertz, and channels.

    Raises:
        AudioError: if there is no sound in the file.
        Exception: whatever PyAV raises for a damaged file.
    """
    with _opened(file) as (container, stream):
        seconds = _stated(container, stream) or 0
        return round(seconds * stream.rate), stream.rate, stream.channels


def blocks(file: AudioFile) -> Iterator[tuple[Float64, int]]:
    """Samples (frames, channels) of the first sound track, some at a time, and the rate in hertz.

    Raises:
        AudioError: if there is no sound in the file, or if it was cut short.
        Exception: whatever PyAV raises for a damaged file.
    """
    from av import AudioResampler

    with _opened(file) as (container, stream):
        to_floats, is_mp3 = AudioResampler(format="dblp"), container.format.name == "mp3"
        frames = packets = 0
        last = b""
        for packet in container.demux(stream):
            if is_mp3 and packet.size:
                packets, last = packets + 1, bytes(packet)
            for frame in packet.decode():
                for converted in to_floats.resample(frame):
                    frames += converted.samples
                    yield np.ascontiguousarray(converted.to_ndarray().T), stream.rate
        if is_mp3:
            _refuse_mp3_cut_short(file, packets, last)
        elif container.format.name != "aac":  # whose duration is a guess
            _refuse_shorter(file, frames / stream.rate, _stated(container, stream))


def _refuse_mp3_cut_short(file: AudioFile, packets: int, last: bytes) -> None:
    counted = _counted_frames(file)
    if packets < counted - 1:  # some encoders count the frame with the length too
        raise truncated(file, f"{packets} of {counted} frames are there")
    if len(last) < _frame_bytes(last):
        raise truncated(file, "its last frame is not whole")


def _refuse_shorter(file: AudioFile, found_s: float, stated_s: float | None) -> None:
    if stated_s and found_s < stated_s - _DURATION_TOLERANCE_S:
        raise truncated(file, f"{found_s:.2f} of {stated_s:.2f} seconds can be decoded")


def _stated(container: InputContainer, stream: AudioStream) -> float | None:
    """Seconds, as the header of the file says or as FFmpeg estimates."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else None


def _counted_frames(file: AudioFile) -> int:
    """How many frames an MP3 file has as its first frame says; 0 if it does not."""
    with file.open("rb") as opened:
        start, head = 0, opened.read(10)
        if head[:3] == b"ID3":  # a tag; its size has seven bits per byte
            size = zip(head[6:], (21, 14, 7, 0), strict=False)
            start = 10 + sum(byte << shift for byte, shift in size)
        opened.seek(start)
        frame = opened.read(64)
    at = next((at for at in _LENGTH_AT if frame[at : at + 4] in (b"Xing", b"Info")), None)
    is_counted = at is not None and int.from_bytes(frame[at + 4 : at + 8]) & 1
    return int.from_bytes(frame[at + 8 : at + 12]) if at is not None and is_counted else 0


def _frame_bytes(frame: bytes) -> int:
    """Bytes of a frame of MPEG layer III as its header says; 0 if it is of another kind."""
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2 or frame[2] >> 4 == 15:
        return 0
    version = frame[1] >> 3 & 3  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    rate = (44_100, 48_000, 32_000, 0)[frame[2] >> 2 & 3] // {3: 1, 2: 2, 0: 4}.get(version, 1)
    kbps = _KBPS[version != 3][frame[2] >> 4]
    return (144 if version == 3 else 72) * 1000 * kbps // rate + (frame[2] >> 1 & 1) if rate else 0


@contextlib.contextmanager
def _opened(file: AudioFile) -> Iterator[tuple[InputContainer, AudioStream]]:
    import av

    options = {"format_whitelist": _FORMATS}
    with (
        file.open("rb") as source,
        av.open(source, mode="r", container_options=options) as container,
    ):
        if not container.streams.audio:
            raise no_samples(file)
        yield container, container.streams.audio[0]
