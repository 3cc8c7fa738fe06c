"""From audio files to mono waves: decode, mix channels, resample, cut.

libsndfile decodes what it reads to the end of the data, and FFmpeg the rest. soxr resamples. All of
this happens in blocks and in double precision.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mfsn.audio import ffmpeg, libsndfile
from mfsn.audio.containers import Container, examine, no_samples
from mfsn.audio.in_memory import AudioFile
from mfsn.audio.resampling import resample, resample_blocks
from mfsn.base.arrays import Bool, Float32, Float64, Int16, Int64
from mfsn.errors import AudioError, MfsnError

FULL_SCALE = 32768

LOWEST_HZ, HIGHEST_HZ = 4_000, 384_000
"""Rates that recordings of speech have. A header that states another one is damaged."""

AS_BEFORE, NEWER = 1, 2
"""Codes of how a wave is made. 1: decoded by libsndfile, or from MP4, at the rate of the store. 2:
resampled by soxr, or decoded by FFmpeg. (The first stores had waves of code 1 only, and a different
resampler.)"""


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


@dataclass(frozen=True)
class Wave:
    """A recording as it is stored."""

    samples: Int16
    """Mono wave (n,)."""
    clipped: Bool
    """(n,), where a sample was outside the range of 16 bits."""
    code: int
    """`AS_BEFORE` or `NEWER`."""


class Mono:
    """A recording with one channel at another rate, in blocks. It is decoded while one iterates.

    Afterwards `frames`, `rate_hz` and `code` say what was decoded.
    """

    def __init__(self, file: AudioFile, to_hz: int) -> None:
        """The file is opened by the first step of an iteration.

        Args:
            file: any format that libsndfile or FFmpeg reads.
            to_hz: the rate of the result in hertz.
        """
        self.frames, self.rate_hz, self.code = 0, to_hz, AS_BEFORE
        self._file, self._to_hz = file, to_hz

    def __iter__(self) -> Iterator[Float32]:
        """Blocks (samples,), full scale 1; resampling can overshoot it a little.

        Raises:
            AudioError: in the same cases as `decode`; or if the recording is shorter than one
                sample of the result.
        """
        container, samples = _container(self._file), 0
        blocks = _blocks(self._file, container)
        with contextlib.closing(blocks):
            first, self.rate_hz = next(blocks)
            is_newer = self.rate_hz != self._to_hz or container.is_newer
            self.code = NEWER if is_newer else AS_BEFORE
            mixed = self._mixed(first, blocks)
            for block in resample_blocks(mixed, self.rate_hz, self._to_hz):
                samples += len(block)
                yield block.astype(np.float32)
        if samples == 0:
            raise no_samples(self._file)

    def _mixed(self, first: Float64, others: Iterator[tuple[Float64, int]]) -> Iterator[Float64]:
        self.frames += len(first)
        yield first.mean(axis=1)
        for samples_NC, _ in others:
            self.frames += len(samples_NC)
            yield samples_NC.mean(axis=1)


def probe(path: Path) -> AudioInfo:
    """Read the header of an audio file.

    The file is decoded only where its header does not say how long it is. Otherwise the length is
    what the header says, which may be wrong.

    Raises:
        AudioError: if the file is missing, is not audio, contains no samples, has a rate that no
            recording has, or is shorter than its header says.
    """
    container = _container(path)
    with _explaining(path):
        read = ffmpeg.header if container.decoder == "ffmpeg" else libsndfile.header
        header = read(path)
        if header is None:
            raise ValueError("Format not recognised")
    found = AudioInfo(*header)
    _check_rate(path, found.sample_rate_hz)
    if found.frames == 0 and container.decoder == "ffmpeg":
        frames = sum(len(samples_NC) for samples_NC, _ in _blocks(path, container))
        found = AudioInfo(frames, found.sample_rate_hz, found.channels)
    if found.frames == 0:
        raise no_samples(path)
    return found


def decode(path: AudioFile) -> tuple[Float64, int]:
    """Decode an audio file to the end of its data, at its own rate.

    Args:
        path: of the file, or its bytes in memory.

    Returns:
        Samples (frames, channels) with full scale 1, and the sample rate in hertz.

    Raises:
        AudioError: in the same cases as `probe`; and if the file ends before its last frame, is
            damaged, or contains NaN or infinite values.
    """
    decoded = list(_blocks(path, _container(path)))
    return np.concatenate([samples_NC for samples_NC, _ in decoded]), decoded[0][1]


def load(path: AudioFile, sample_rate_hz: int) -> Float32:
    """Decode an audio file, average its channels and resample it.

    Args:
        path: any format that libsndfile reads (WAV, FLAC, Ogg, ...), MP3, MP4, AAC or WebM.
        sample_rate_hz: the rate of the result in hertz.

    Returns:
        Mono wave (samples,), full scale 1; resampling can go a little beyond 1.

    Raises:
        AudioError: in the same cases as `decode`; or if the recording is shorter than one sample of
            the result.
    """
    return np.concatenate(list(Mono(path, sample_rate_hz)))


def load_wave(path: AudioFile, sample_rate_hz: int) -> Wave:
    """Like `load`, but rounded to 16 bits, block by block.

    Raises:
        AudioError: as `load`.
    """
    mono = Mono(path, sample_rate_hz)
    rounded = [round_to_int16(block) for block in mono]
    samples = np.concatenate([block for block, _ in rounded])
    clipped = np.concatenate([mask for _, mask in rounded])
    return Wave(samples, clipped, mono.code)


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


def to_int16(wave: npt.NDArray[np.floating]) -> tuple[Int16, int]:
    """Round a wave to 16 bits.

    Args:
        wave: samples (any shape), full scale 1.

    Returns:
        The rounded samples, and how many were outside the range and were clipped.
    """
    rounded, clipped = round_to_int16(wave)
    return rounded, int(np.count_nonzero(clipped))


def round_to_int16(wave: npt.NDArray[np.floating]) -> tuple[Int16, Bool]:
    """Like `to_int16`, but with the mask of the samples that were clipped, in the same shape."""
    scaled = np.rint(wave.astype(np.float64) * FULL_SCALE)
    limited = np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1)
    return limited.astype(np.int16), limited != scaled


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


def _container(file: AudioFile) -> Container:
    """What the file is, and which library decodes it to its end."""
    container = examine(file)
    if container.decoder == "libsndfile":
        with _explaining(file):
            if libsndfile.header(file) is None:
                _require_known(file)
                return Container("ffmpeg")
    return container


def _require_known(file: AudioFile) -> None:
    """Check that FFmpeg recognises a file that libsndfile does not."""
    try:
        ffmpeg.header(file)
    except MfsnError:
        raise
    except Exception as error:
        raise ValueError("Format not recognised") from error


def _blocks(file: AudioFile, container: Container) -> Generator[tuple[Float64, int], None, None]:
    """Decoded blocks with at least one sample, each checked, and their rate; never none at all."""
    is_empty = True
    with _explaining(file):
        read = ffmpeg.blocks if container.decoder == "ffmpeg" else libsndfile.blocks
        for samples_NC, rate_hz in read(file):
            _check_rate(file, rate_hz)
            if not np.isfinite(samples_NC).all():
                raise AudioError(f"{file} contains NaN or infinite samples; repair or remove it")
            if len(samples_NC):
                is_empty = False
                yield samples_NC, rate_hz
    if is_empty:
        raise no_samples(file)


def _check_rate(file: AudioFile, rate_hz: int) -> None:
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        raise AudioError(
            f"{file} has a sample rate of {rate_hz} Hz, and recordings have {LOWEST_HZ} to "
            f"{HIGHEST_HZ} Hz; correct its header, or convert it again from its source"
        )


@contextlib.contextmanager
def _explaining(file: AudioFile) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence."""
    try:
        yield
    except MfsnError:
        raise
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).rpartition(": ")[2].rstrip(".")
        raise AudioError(
            f"{file} cannot be read as audio ({reason or type(error).__name__}); replace it or "
            "convert it to WAV or FLAC"
        ) from error
