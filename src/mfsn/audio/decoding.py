"""From audio files to mono waves: decode, mix channels, resample, cut.

soundfile decodes (PyAV decodes MP4), and torchaudio resamples. Both run in double precision, so
that the number of threads cannot change a sample after it is rounded to 16 bits.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from mfsn.audio.in_memory import AudioFile, for_library
from mfsn.audio.mp4 import decode_mp4, is_mp4, probe_mp4
from mfsn.base.arrays import Float32, Float64, Int16, Int64
from mfsn.errors import AudioError

FULL_SCALE = 32768

# Programs that write WAV to a pipe do not know its length, so they write about 2 or 4 GB instead.
_LENGTH_UNKNOWN = 0x7FFF_F000

# A ratio of rates with a larger denominator (44,099 Hz to 16 kHz) is replaced by the nearest
# fraction. This changes the pitch by less than a cent; the filters of the exact ratio would fill
# the memory.
_LARGEST_DENOMINATOR = 1000

# From container and kind to the byte order of sizes and the name of the chunk with the samples.
_CHUNKED: dict[tuple[bytes, bytes], tuple[Literal["little", "big"], bytes]] = {
    (b"RIFF", b"WAVE"): ("little", b"data"),
    (b"FORM", b"AIFF"): ("big", b"SSND"),
    (b"FORM", b"AIFC"): ("big", b"SSND"),
}


@dataclass(frozen=True)
class AudioInfo:
    """The header of an audio file."""

    frames: int
    """Samples per channel."""
    sample_rate_hz: int
    channels: int

    @property
    def duration_s(self) -> float:
        """Duration in seconds."""
        return self.frames / self.sample_rate_hz


def probe(path: Path) -> AudioInfo:
    """Read the header of an audio file without decoding it.

    Raises:
        AudioError: if the file is missing, is not audio, contains no samples, or is a WAV or AIFF
            file that is shorter than its header says.
    """
    if is_mp4(path):
        return AudioInfo(*probe_mp4(path))
    with _opened(path) as file:
        return AudioInfo(file.frames, file.samplerate, file.channels)


def decode(path: AudioFile) -> tuple[Float64, int]:
    """Decode an audio file at its own rate.

    Args:
        path: of the file, or its bytes in memory.

    Returns:
        Samples (frames, channels) with full scale 1, and the sample rate in hertz.

    Raises:
        AudioError: in the same cases as `probe`; and if the file ends before its last frame, or
            contains NaN or infinite values.
    """
    samples_NC, rate, promised = _decoded(path)
    if len(samples_NC) < promised:
        raise AudioError(
            f"{path} is truncated: {len(samples_NC)} of {promised} frames can be decoded; "
            "copy it again from its source"
        )
    if not np.isfinite(samples_NC).all():
        raise AudioError(f"{path} contains NaN or infinite samples; repair or remove it")
    return samples_NC, rate


def load(path: AudioFile, sample_rate_hz: int) -> Float32:
    """Decode an audio file, average its channels and resample it.

    Args:
        path: any format that libsndfile reads (WAV, FLAC, Ogg, MP3, ...), or MP4.
        sample_rate_hz: the rate of the result in hertz.

    Returns:
        Mono wave (samples,), full scale 1; resampling can go a little beyond 1.

    Raises:
        AudioError: in the same cases as `decode`.
    """
    return to_mono(*decode(path), sample_rate_hz)


def to_mono(samples_NC: Float64, rate_hz: int, to_hz: int) -> Float32:
    """Average the channels of a recording and resample it.

    Args:
        samples_NC: samples (samples, channels), full scale 1.
        rate_hz: their rate in hertz.
        to_hz: the rate of the result in hertz.

    Returns:
        Mono wave (samples,), full scale 1; resampling can overshoot it a little.
    """
    return resample(samples_NC.mean(axis=1), rate_hz, to_hz).astype(np.float32)


def resample(wave: Float64, from_hz: int, to_hz: int) -> Float64:
    """Resample with a windowed sinc (the default filter of torchaudio).

    Args:
        wave: mono wave (samples,).
        from_hz: its rate in hertz.
        to_hz: the rate of the result in hertz.

    Returns:
        Mono wave of ceil(samples * to_hz / from_hz) samples.
    """
    if from_hz == to_hz:
        return wave
    import torch
    import torchaudio.functional as transforms

    ratio = Fraction(to_hz, from_hz).limit_denominator(_LARGEST_DENOMINATOR)
    resampled = transforms.resample(torch.from_numpy(wave), ratio.denominator, ratio.numerator)
    return np.asarray(resampled.numpy(), dtype=np.float64)


def to_int16(wave: npt.NDArray[np.floating]) -> tuple[Int16, int]:
    """Round a wave to 16 bits.

    Args:
        wave: samples (any shape), full scale 1.

    Returns:
        The rounded samples, and how many were outside the range and were clipped.
    """
    scaled = np.rint(wave.astype(np.float64) * FULL_SCALE)
    clipped = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1)
    return clipped.astype(np.int16), int(np.count_nonzero(clipped != scaled))


def to_float32(samples: Int16) -> Float32:
    """Convert 16-bit samples to a wave with full scale 1; exact, `to_int16` reverses it."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def cut(wave: Int16, samples: int, *, close: bool = False) -> tuple[Int16, Int64]:
    """Cut a wave into consecutive segments without overlap; the last one is padded at its end.

    Args:
        wave: mono wave (n,).
        samples: samples per segment, at least 1.
        close: whether to add an empty segment if the last one is full.

    Returns:
        Segments (S, samples) with S = ceil(n / samples) and zeros in the padding; and the number
        of valid samples per segment (S,), which add up to n. With `close`, S = 1 + n // samples.
    """
    segments = 1 + len(wave) // samples if close else -(-len(wave) // samples)
    padded = np.zeros(segments * samples, dtype=np.int16)
    padded[: len(wave)] = wave
    valid_S = np.full(segments, samples, dtype=np.int64)
    valid_S[-1:] -= len(padded) - len(wave)
    return padded.reshape(segments, samples), valid_S


def pre_emphasised(wave: Float32, coefficient: float = 0.97) -> Float32:
    """Pre-emphasise waves: y[t] = x[t] - coefficient * x[t - 1], with x[-1] = 0.

    This equals `librosa.effects.preemphasis(wave, zi=[0.0])`.

    Args:
        wave: mono waves (..., n).
        coefficient: the share of the previous sample that is subtracted.
    """
    emphasised = wave.copy()
    emphasised[..., 1:] -= np.float32(coefficient) * wave[..., :-1]
    return emphasised


def _decoded(path: AudioFile) -> tuple[Float64, int, int]:
    """Samples, rate, and how many frames the header promises."""
    if is_mp4(path):
        samples_NC, rate = decode_mp4(path)
        return samples_NC, rate, len(samples_NC)
    with _opened(path) as file:
        return file.read(dtype="float64", always_2d=True), file.samplerate, file.frames


@contextlib.contextmanager
def _opened(path: AudioFile) -> Iterator[soundfile.SoundFile]:
    if not path.is_file():
        raise AudioError(f"{path} does not exist or is not a file; check its path")
    try:
        _check_length(path)
        with soundfile.SoundFile(for_library(path)) as file:
            if file.frames == 0:
                raise _no_samples(path)
            yield file
    # soundfile raises TypeError for headerless formats such as .raw.
    except (soundfile.SoundFileError, OSError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error).rpartition(": ")[2].rstrip(".")
        raise AudioError(
            f"{path} cannot be read as audio ({reason}); replace it or convert it to WAV or FLAC"
        ) from error


def _check_length(path: AudioFile) -> None:
    with path.open("rb") as file:
        length = file.seek(0, io.SEEK_END)
    if length == 0:
        raise _no_samples(path)
    missing = _bytes_missing(path, length)
    if missing:
        raise AudioError(
            f"{path} is truncated: it is {missing} bytes shorter than its header says; "
            "copy it again from its source"
        )


def _no_samples(path: AudioFile) -> AudioError:
    return AudioError(f"{path} contains no samples; record it again or remove it")


def _bytes_missing(path: AudioFile, length: int) -> int:
    # libsndfile silently reads what is there of a WAV or AIFF file that is cut short.
    with path.open("rb") as file:
        head = file.read(12)
        order, samples = _CHUNKED.get((head[:4], head[8:]), ("little", b""))
        while samples and len(chunk := file.read(8)) == 8:
            size = int.from_bytes(chunk[4:], order)
            if chunk[:4] == samples:
                end = 0 if size >= _LENGTH_UNKNOWN else file.tell() + size
                return max(0, end - length)
            file.seek(size + size % 2, 1)
    return 0
