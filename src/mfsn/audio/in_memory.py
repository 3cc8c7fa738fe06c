"""Recordings that lie in memory: the bytes of an audio file, or samples in an array."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float64
from mfsn.errors import AudioError

LARGEST_SAMPLE = 2.0
"""Full scale is 1. Resampling and mixing overshoot it a little; larger values have another unit."""

_FULL_SCALE = 32768


@dataclass(frozen=True)
class FileInMemory:
    """The bytes of an audio file. It can be opened as a path can."""

    name: str
    """For messages, which say it where they would say a path."""
    content: bytes

    def __str__(self) -> str:
        """The name."""
        return self.name

    def is_file(self) -> bool:
        """Always true: there is something to read."""
        return True

    def open(self, mode: Literal["rb"] = "rb") -> io.BytesIO:  # noqa: ARG002 (as of Path.open)
        """The bytes, from their beginning."""
        return io.BytesIO(self.content)


AudioFile = Path | FileInMemory


def for_library(file: AudioFile) -> bytes | io.BytesIO:
    """The file as a decoding library takes it: its path, or an open stream of its bytes."""
    return os.fsencode(file) if isinstance(file, Path) else file.open()


def samples_of(wave: npt.ArrayLike, name: str) -> Float64:
    """The samples of an array, as `decode` gives those of a file.

    Args:
        wave: (samples,) of one channel or (channels, samples): floating-point numbers with full
            scale 1, or int16.
        name: what messages call the recording.

    Returns:
        Samples (samples, channels) with full scale 1.

    Raises:
        AudioError: if the array has another shape or dtype, is empty, holds NaN or infinite
            values, or holds floating-point numbers beyond `LARGEST_SAMPLE`.
    """
    given = np.asarray(wave)
    if given.ndim not in (1, 2) or (given.ndim == 2 and given.shape[0] > given.shape[1] > 0):
        raise AudioError(
            f"{name} has the shape {given.shape}; give an array of shape (samples,) or (channels, "
            "samples), so transpose one of shape (samples, channels)"
        )
    if given.size == 0:
        raise AudioError(f"{name} holds no samples; give an array with at least one")
    samples_NC = np.atleast_2d(_full_scale_1(given, name)).T
    if not np.isfinite(samples_NC).all():
        raise AudioError(f"{name} holds samples that are NaN or infinite; remove them first")
    if np.abs(samples_NC).max() > LARGEST_SAMPLE:
        raise AudioError(
            f"{name} holds samples up to {np.abs(samples_NC).max():g}; floating-point samples lie "
            "in [-1, 1], so divide samples that were made from int16 by 32768"
        )
    return samples_NC


def _full_scale_1(given: npt.NDArray[np.generic], name: str) -> Float64:
    if given.dtype == np.int16:
        return given.astype(np.float64) / _FULL_SCALE
    if np.issubdtype(given.dtype, np.floating):
        return given.astype(np.float64)
    raise AudioError(
        f"{name} holds samples of type {given.dtype}; give floating-point numbers in [-1, 1], or "
        "int16"
    )
