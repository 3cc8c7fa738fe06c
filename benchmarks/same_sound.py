"""How well copies of recordings are found, and which different recordings are taken for copies.

Usage: python benchmarks/same_sound.py FOLDER [FOLDER ...]

For all WAV and FLAC files of 16 kHz in each folder: the pairs that count as the same sound, and how
many of 150 recordings are found again after each change.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mfsn.audio.fingerprint import RATE_HZ, fingerprint, similar
from mfsn.base.arrays import Int16

COPIES = 150


def changes(random: np.random.Generator) -> dict[str, Callable[[Int16], Int16]]:
    """What is done to a recording."""
    return {
        "20 dB softer": lambda wave: rounded(wave * 0.1),
        "12 dB louder, clipped": lambda wave: rounded(wave * 4.0),
        "MP3": lambda wave: encoded(wave, "MP3", "MPEG_LAYER_III"),
        "MP3, lowest quality": lambda wave: encoded(wave, "MP3", "MPEG_LAYER_III", 0.95),
        "Opus": lambda wave: encoded(wave, "OGG", "OPUS"),
        "Opus, lowest quality": lambda wave: encoded(wave, "OGG", "OPUS", 0.99),
        "Vorbis, lowest quality": lambda wave: encoded(wave, "OGG", "VORBIS", 0.99),
        "8 kHz": lambda wave: resampled(wave, 8000),
        "44.1 kHz": lambda wave: resampled(wave, 44_100),
        "0.38 s of silence before": lambda wave: np.pad(wave, (6069, 0)),
        "0.2 s cut at both ends": lambda wave: wave[3277:-3200],
        "cut, softer and MP3": lambda wave: encoded(
            rounded(wave[2500:] * 0.5), "MP3", "MPEG_LAYER_III"
        ),
        "noise at 20 dB": lambda wave: rounded(
            wave + random.normal(0, np.sqrt(np.mean(np.square(wave.astype(float)))) / 10, len(wave))
        ),
    }


def rounded(wave: np.ndarray) -> Int16:
    """Samples of 16 bits; larger ones are clipped."""
    samples: Int16 = np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
    return samples


def encoded(wave: Int16, kind: str, subtype: str, level: float | None = None) -> Int16:
    """The wave after it was compressed."""
    file = io.BytesIO()
    soundfile.write(file, wave, RATE_HZ, format=kind, subtype=subtype, compression_level=level)
    file.seek(0)
    samples, rate = soundfile.read(file)
    return rounded(soxr.resample(samples, rate, RATE_HZ) * 32768)


def resampled(wave: Int16, rate_hz: int) -> Int16:
    """The wave after it was stored at another rate."""
    there = soxr.resample(wave / 32768, RATE_HZ, rate_hz)
    return rounded(soxr.resample(there, rate_hz, RATE_HZ) * 32768)


def main(folder: Path) -> None:
    """Print the figures of one folder."""
    files = sorted(f for f in folder.rglob("*") if f.suffix in (".wav", ".flac"))
    waves = [soundfile.read(file, dtype="int16")[0] for file in files]
    prints = [fingerprint(wave) for wave in waves]
    same = [(files[one].name, files[other].name) for one, other in similar(prints)]
    print(f"{folder}: {len(files)} recordings, {len(same)} pairs with the same sound: {same}")
    random = np.random.default_rng(0)
    chosen = random.choice(len(files), min(COPIES, len(files)), replace=False)
    for name, change in changes(random).items():
        copies = [fingerprint(change(waves[at])) for at in chosen]
        pairs = similar([*(prints[at] for at in chosen), *copies])
        found = sum(other - one == len(chosen) for one, other in pairs)
        print(f"{name}: {found} of {len(chosen)} found, {len(pairs) - found} wrong")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        main(Path(argument))
