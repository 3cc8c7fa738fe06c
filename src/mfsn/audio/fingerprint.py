"""A print of a sound, by which copies are found that are louder, encoded again or cut otherwise.

The method is that of Haitsma and Kalker (2002, "A highly robust audio fingerprinting system"): per
frame one bit for each pair of neighbouring bands, which says whether the difference of their
energies grows. Gain does not change these bits, and compression changes few of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float32, Int16, Int64

RATE_HZ = 16_000
"""The sample rate of the waves that prints are made of."""
HOP = 256
"""Samples from one frame to the next: 16 ms."""
_WINDOW, _LAG = 4096, 4
_BANDS_HZ = np.geomspace(300, 3400, 34)
_FAINT = 1e-4  # Frames with less than this share of the largest energy are not compared.
_BLOCK = 1024  # Frames that are computed at once, which keeps the memory small.
_SHORTEST = 24  # Frames that two sounds must share: 0.4 s.
_COMMON = 32  # A print of a frame that occurs more often than this tells nothing.
_MASKS = np.array([0xFFFFFF00, 0x00FFFFFF], np.uint32)  # Bits in which frames count as equal.
_VOTES = 2  # Equal frames that make a pair worth a comparison.
_OVERLAP = 0.8  # The share of the shorter sound that has to be in the other one.
_LONG = 100  # Frames that two long sounds share: 1.6 s.
_ERRORS, _ERRORS_OF_SHORT = 0.19, 0.13  # The largest share of bits that may differ.

UInt32 = npt.NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What a recording sounds like."""

    sha256: str
    """Of the samples: equal for equal waves, whatever file they come from."""
    bits_T: UInt32
    """32 bits per frame of 16 ms; empty for sounds shorter than about 0.7 s."""
    clear_T: npt.NDArray[np.bool_]
    """Which frames are loud enough to be compared."""


def fingerprint(wave: Int16) -> Fingerprint:
    """Make the print of a sound.

    Args:
        wave: mono wave (samples,) of 16 bits at `RATE_HZ`.
    """
    printing = Printing()
    for _ in printing.through([wave]):
        pass
    return printing.made()


class Printing:
    """Makes the print of a sound that comes in blocks, with little memory."""

    def __init__(self) -> None:
        """Begin with silence of no length."""
        self._sha256 = hashlib.sha256()
        self._rest: Int16 = np.zeros(0, np.int16)
        self._energies: list[Float32] = []

    def through(self, blocks: Iterable[Int16]) -> Iterator[Int16]:
        """Take in the blocks of a mono wave (samples,) at `RATE_HZ`, and hand each of them on."""
        for block in blocks:
            self._sha256.update(block.astype("<i2").tobytes())
            wave = np.concatenate([self._rest, block])
            energy_TB = _energies(wave)
            self._energies.append(energy_TB)
            self._rest = wave[len(energy_TB) * HOP :]
            yield block

    def made(self) -> Fingerprint:
        """The print of what was taken in."""
        nothing = np.zeros((0, len(_BANDS_HZ) - 1), np.float32)
        bits_T, clear_T = _bits(np.concatenate([nothing, *self._energies]))
        return Fingerprint(self._sha256.hexdigest(), bits_T, clear_T)


def similar(prints: Sequence[Fingerprint]) -> list[tuple[int, int]]:
    """Find the pairs of sounds of which one contains most of the other.

    Args:
        prints: one per sound.

    Returns:
        Pairs of positions in `prints`, the smaller one first, sorted.
    """
    pairs: Mapping[tuple[int, int], list[int]] = _candidates(prints)
    return sorted(
        (one, other)
        for (one, other), offsets in pairs.items()
        if any(_agree(prints[one], prints[other], offset) for offset in offsets)
    )


def _bits(energy_TB: Float32) -> tuple[UInt32, npt.NDArray[np.bool_]]:
    if len(energy_TB) <= _LAG:
        return np.zeros(0, np.uint32), np.zeros(0, np.bool_)
    slope_TB = energy_TB[:, :-1] - energy_TB[:, 1:]
    grows_TB = slope_TB[_LAG:] > slope_TB[:-_LAG]
    bits_T = np.packbits(grows_TB, axis=1).view(">u4")[:, 0].astype(np.uint32)
    total_T = energy_TB.sum(axis=1)[_LAG:]
    return bits_T, total_T > _FAINT * total_T.max()


def _energies(wave: Int16) -> Float32:
    """The energy of each band in each frame (T, 33)."""
    if len(wave) < _WINDOW:
        return np.zeros((0, len(_BANDS_HZ) - 1), np.float32)
    frames_TN = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::HOP]
    blocks = (frames_TN[at : at + _BLOCK] for at in range(0, len(frames_TN), _BLOCK))
    return np.concatenate([_band_energies(block) for block in blocks])


def _band_energies(frames_TN: Int16) -> Float32:
    window = np.hanning(_WINDOW).astype(np.float32)
    edges = np.round(_BANDS_HZ * _WINDOW / RATE_HZ).astype(int)
    spectrum_TF = np.fft.rfft(frames_TN * window)[:, : edges[-1]]
    power_TF = np.square(np.abs(spectrum_TF)).astype(np.float32)
    return np.add.reduceat(power_TF, edges[:-1], axis=1)


def _candidates(prints: Sequence[Fingerprint]) -> dict[tuple[int, int], list[int]]:
    """Pairs of sounds that share frames, and by how many frames one is shifted in the other."""
    counted: dict[tuple[int, int], list[int]] = {}
    votes, times = np.unique(_votes(prints), axis=0, return_counts=True)
    for one, other, offset in votes[times >= _VOTES].tolist():
        counted.setdefault((one, other), []).append(offset)
    return counted


def _votes(prints: Sequence[Fingerprint]) -> Int64:
    """Rows (sound, other sound, shift), one per two frames with the same bits (V, 3)."""
    sound = np.repeat(np.arange(len(prints)), [int(p.clear_T.sum()) for p in prints])
    frame = np.concatenate([np.flatnonzero(p.clear_T) for p in prints] or [np.zeros(0, int)])
    bits = np.concatenate([p.bits_T[p.clear_T] for p in prints] or [np.zeros(0, np.uint32)])
    return np.concatenate([_equal(sound, frame, bits & mask) for mask in _MASKS])


def _equal(sound: Int64, frame: Int64, bits: UInt32) -> Int64:
    order = np.lexsort((frame, sound, bits))
    sound, frame, bits = sound[order], frame[order], bits[order]
    found = [np.zeros((0, 3), np.int64)]
    for step in range(1, _COMMON):
        same = np.flatnonzero((bits[step:] == bits[:-step]) & (sound[step:] != sound[:-step]))
        later = same + step
        found.append(np.stack([sound[same], sound[later], frame[later] - frame[same]], axis=1))
    return np.concatenate(found)


def _agree(one: Fingerprint, other: Fingerprint, offset: int) -> bool:
    """Whether most of the shorter sound is in the longer one, shifted by about `offset` frames."""
    return any(_agree_at(one, other, offset + nudge) for nudge in (0, -1, 1))


def _agree_at(one: Fingerprint, other: Fingerprint, offset: int) -> bool:
    begin, end = max(0, -offset), min(len(one.bits_T), len(other.bits_T) - offset)
    here, there = slice(begin, end), slice(begin + offset, end + offset)
    both = one.clear_T[here] & other.clear_T[there]
    needed = max(_SHORTEST, _OVERLAP * min(one.clear_T.sum(), other.clear_T.sum()))
    if end <= begin or both.sum() < needed:
        return False
    differing = one.bits_T[here][both] ^ other.bits_T[there][both]
    allowed = _ERRORS if len(differing) >= _LONG else _ERRORS_OF_SHORT
    return bool(np.bitwise_count(differing).mean() <= 32 * allowed)
