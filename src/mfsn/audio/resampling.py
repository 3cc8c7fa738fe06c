"""Resample with soxr at its best quality, in blocks: long recordings need no more memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from mfsn.base.arrays import Float64

RESAMPLER = 2
"""Code of how is resampled; a new way takes a new number. 1 was torchaudio's default filter."""

BLOCK = 1 << 18
"""Samples that `resample` hands over at once."""


def resample_blocks(blocks: Iterable[Float64], from_hz: int, to_hz: int) -> Iterator[Float64]:
    """Resample a mono wave that comes in blocks; how it is divided does not change the result.

    Computed in double precision by one thread, so the number of threads changes nothing either.

    Args:
        blocks: the wave, (samples,) each.
        from_hz: its rate in hertz.
        to_hz: the rate of the result in hertz.

    Returns:
        The blocks of the result, round(samples * to_hz / from_hz) samples together. At the same
        rate they are the blocks that were given.
    """
    if from_hz == to_hz:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float64", quality="VHQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.zeros(0), last=True)


def resample(wave: Float64, from_hz: int, to_hz: int) -> Float64:
    """Resample a whole wave; see `resample_blocks`.

    Args:
        wave: mono wave (samples,).
        from_hz: its rate in hertz.
        to_hz: the rate of the result in hertz.
    """
    if from_hz == to_hz:
        return wave
    blocks = (wave[start : start + BLOCK] for start in range(0, len(wave), BLOCK))
    return np.concatenate(list(resample_blocks(blocks, from_hz, to_hz)))
