"""What the container of a recording promises, compared with the bytes that are there.

Decoders silently read what is left of many files that were cut short. So the sizes in a file's
header are checked before it is decoded, and the decoder that reads all of it is chosen.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

from mfsn.audio.in_memory import AudioFile
from mfsn.base.pointers import is_pointer
from mfsn.errors import AudioError

Decoder = Literal["libsndfile", "ffmpeg"]

# Programs that write WAV to a pipe do not know its length, so they write about 2 or 4 GB instead.
_LENGTH_UNKNOWN = 0x7FFF_F000

# Some programs count the header of a WAV file among its samples, so that the size is a little too
# large. Up to this many bytes (22 samples of 16 bits) are taken for such a mistake, if the size of
# the whole file contradicts that of the samples. A file that was cut short has sizes that agree.
_MISCOUNT = 44

# What follows the samples of a chunked file must be chunks, or be less than this share of the file.
_UNCOUNTED_SHARE = 0.1

_BEGINS_PAGE, _BEGINS_STREAM, _ENDS_STREAM = b"OggS", 2, 4


@dataclass(frozen=True)
class Container:
    """What is known about a file before it is decoded."""

    decoder: Decoder
    """Which library reads it to the end of its data."""
    format: str = ""
    """`mp3` or `mp4` where the file begins like one."""

    @property
    def is_newer(self) -> bool:
        """Whether the first version decoded such files in another way, or not to their end."""
        return self.decoder == "ffmpeg" and self.format != "mp4"


@dataclass(frozen=True)
class _Chunks:
    """How the chunks of a family of formats are written."""

    order: Literal["little", "big"]
    data: bytes
    """Name of the chunk with the samples."""
    first: int = 12
    """Where the first chunk begins."""
    size_bytes: int = 4
    counts_itself: bool = False
    """Whether the size of a chunk includes its name and size."""
    align: int = 2


_W64_GUID = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0O\x8e\xdb\x8a"
_CHUNKED: dict[tuple[bytes, bytes], _Chunks] = {
    (b"RIFF", b"WAVE"): _Chunks("little", b"data"),
    (b"RIFX", b"WAVE"): _Chunks("big", b"data"),
    (b"RF64", b"WAVE"): _Chunks("little", b"data"),
    (b"FORM", b"AIFF"): _Chunks("big", b"SSND"),
    (b"FORM", b"AIFC"): _Chunks("big", b"SSND"),
    (b"riff", b"\xa5\xd6(\xdb"): _Chunks("little", b"data" + _W64_GUID, 40, 8, True, 8),
}


def examine(file: AudioFile) -> Container:
    """Look at the header of a file.

    Raises:
        AudioError: if the file is missing, is no regular file (a FIFO or a device is not opened),
            is empty, is a pointer of Git LFS, or is shorter than its header says.
    """
    if not file.is_file():
        raise AudioError(f"{file} does not exist or is not a file; check its path")
    try:
        with file.open("rb") as stream:
            return _examine(file, stream, stream.seek(0, io.SEEK_END))
    except OSError as error:
        raise AudioError(
            f"{file} cannot be read ({error.strerror}); repair or replace it"
        ) from error


def no_samples(file: AudioFile) -> AudioError:
    """The error about a file that holds no sound."""
    return AudioError(f"{file} contains no samples; record it again or remove it")


def truncated(file: AudioFile, missing: str) -> AudioError:
    """The error about a file that was cut short.

    Args:
        file: the file.
        missing: how one sees that, such as `it is 5 bytes shorter than its header says`.
    """
    return AudioError(f"{file} is truncated: {missing}; copy it again from its source")


def _examine(file: AudioFile, stream: BinaryIO, length: int) -> Container:
    if length == 0:
        raise no_samples(file)
    stream.seek(0)
    head = stream.read(128)
    if is_pointer(head):
        raise AudioError(
            f"{file} is a pointer of Git LFS, and `git lfs pull` brings the recording; "
            "run it in the folder of the corpus"
        )
    if chunks := _CHUNKED.get((head[:4], head[8:12])):
        return _examine_chunks(file, stream, length, chunks)
    for is_format, look in _LOOKS:
        if is_format(head):
            return look(file, stream, length)
    return Container("libsndfile")


def _examine_chunks(file: AudioFile, stream: BinaryIO, length: int, chunks: _Chunks) -> Container:
    begin, size = _find_samples(stream, chunks)
    is_wav = chunks.data == b"data"
    stream.seek(4)
    stated = int.from_bytes(stream.read(4), chunks.order) + 8
    if size == 0 and begin < length and is_wav and stated != length:
        return Container("ffmpeg")  # reads to the end of the file
    is_unknown = size >= _LENGTH_UNKNOWN and chunks.size_bytes == 4 and begin + size > length
    if not is_unknown:
        is_miscounted = is_wav and begin + size > stated
        _refuse_missing(file, begin + size - length, "header", _MISCOUNT if is_miscounted else 0)
        end = stream.seek(begin + size + -size % chunks.align)
        if begin and chunks.size_bytes == 4:
            is_chunk = _is_chunk(stream.read(8), max(length, stated) - end, chunks)
            _refuse_uncounted(file, end, length, is_chunk)
    return Container("libsndfile")


def _is_chunk(head: bytes, rest: int, chunks: _Chunks) -> bool:
    """Whether what follows the samples is another chunk, or zeros that fill up the file."""
    is_name = all(32 <= byte < 127 for byte in head[:4])
    is_whole = int.from_bytes(head[4:], chunks.order) <= rest
    return (is_name and is_whole) or not head[:4].strip(b"\0")


def _refuse_uncounted(file: AudioFile, end: int, length: int, is_chunk: bool) -> None:
    """A header that was written before the last samples counts too few of them."""
    if length - end > end * _UNCOUNTED_SHARE and not is_chunk:
        raise AudioError(
            f"{file} goes on for {length - end} bytes after the samples that its header counts; "
            "write it again with the program that recorded it"
        )


def _refuse_missing(file: AudioFile, missing: int, where: str, allowed: int = 0) -> None:
    if missing > allowed:
        raise truncated(file, f"it is {missing} bytes shorter than its {where} says")


def _find_samples(stream: BinaryIO, chunks: _Chunks) -> tuple[int, int]:
    """Where the samples begin, and how many bytes they are; 0 and 0 if there is no such chunk."""
    name_bytes, long_size = len(chunks.data), 0
    stream.seek(chunks.first)
    while (
        len(head := stream.read(name_bytes + chunks.size_bytes)) == name_bytes + chunks.size_bytes
    ):
        begin, size = stream.tell(), int.from_bytes(head[name_bytes:], chunks.order)
        size -= len(head) if chunks.counts_itself else 0
        if head[:4] == b"ds64":  # RF64: the sizes that do not fit into four bytes
            long_size = int.from_bytes(stream.read(16)[8:], chunks.order)
        if head[:name_bytes] == chunks.data:
            return begin, long_size or size
        if size < 0:
            break
        stream.seek(begin + size + -size % chunks.align)
    return 0, 0


def _examine_au(file: AudioFile, stream: BinaryIO, length: int) -> Container:
    stream.seek(4)
    begin, size = (int.from_bytes(stream.read(4), "big") for _ in range(2))
    if size != 0xFFFF_FFFF:
        _refuse_missing(file, begin + size - length, "header")
    return Container("libsndfile")


def _examine_nist(file: AudioFile, stream: BinaryIO, length: int) -> Container:
    """The header is text: its own size, then lines of a name, a type and a value."""
    stream.seek(0)
    lines = [line.split() for line in stream.read(1024).split(b"\n")]
    numbers = {line[0]: int(line[2]) for line in lines if len(line) == 3 and line[2].isdigit()}
    each = [numbers.get(name, 0) for name in (b"sample_count", b"channel_count", b"sample_n_bytes")]
    header = int(lines[1][0]) if len(lines) > 1 and lines[1] and lines[1][0].isdigit() else 0
    _refuse_missing(file, header + each[0] * each[1] * each[2] - length, "header")
    return Container("libsndfile")


def _examine_ogg(file: AudioFile, stream: BinaryIO, length: int) -> Container:
    """Walk through the pages: a whole file ends with the last page of a stream.

    libsndfile reads the first of several streams that follow one another.
    """
    position, links, flags, last = 0, 0, _BEGINS_STREAM, 0
    while position + 27 <= length:
        stream.seek(position)
        head = stream.read(27)
        if head[:4] != _BEGINS_PAGE:
            break
        last, flags = flags, head[5]
        links += bool(flags & _BEGINS_STREAM and (position == 0 or not last & _BEGINS_STREAM))
        position += 27 + head[26] + sum(stream.read(head[26]))
    if position > length or not flags & _ENDS_STREAM:
        raise truncated(file, "its last page is not there")
    return Container("ffmpeg" if links > 1 else "libsndfile")


def _examine_mp4(file: AudioFile, stream: BinaryIO, length: int) -> Container:
    """The last box must not go beyond the end of the file.

    The first four bytes of a box are its size. If they are 1, the size is in eight bytes after the
    type; if they are 0, the box goes to the end of the file.
    """
    position = 0
    while position + 8 <= length:
        stream.seek(position)
        head = stream.read(16)
        size = int.from_bytes(head[:4])
        size = int.from_bytes(head[8:]) if size == 1 else size or length - position
        position += max(size, 8)
    if position > length:
        raise truncated(file, f"it is {position - length} bytes shorter than its boxes say")
    return Container("ffmpeg", "mp4")


def _examine_mp3(_file: AudioFile, _stream: BinaryIO, _length: int) -> Container:
    return Container("ffmpeg", "mp3")


def _is_mp3(head: bytes) -> bool:
    """Whether a file begins with a tag (ID3) or with the header of a frame of layer III."""
    is_frame = len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    return head[:3] == b"ID3" or is_frame


_LOOKS: tuple[
    tuple[Callable[[bytes], bool], Callable[[AudioFile, BinaryIO, int], Container]], ...
] = (
    (lambda head: head[:4] == b".snd", _examine_au),
    (lambda head: head[:7] == b"NIST_1A", _examine_nist),
    (lambda head: head[:4] == _BEGINS_PAGE, _examine_ogg),
    (lambda head: head[4:8] == b"ftyp", _examine_mp4),
    (_is_mp3, _examine_mp3),
)
