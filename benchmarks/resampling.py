"""Resampling to 16 kHz: soxr in blocks against torchaudio's filter, which was used before.

    python benchmarks/resampling.py [SECONDS]

Each resampler runs in a process of its own, so that its peak of memory is its own. The reference
is a sum of tones whose samples at 16 kHz are known exactly. The last row is a silent FLAC file of
one hour with eight channels, which is decoded, mixed, resampled and judged as `prepare` does it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from mfsn.audio.decoding import Mono, round_to_int16
from mfsn.audio.level import level_of
from mfsn.audio.resampling import resample_blocks

TO_HZ, BLOCK = 16_000, 1 << 18
TONES_HZ = (110, 730, 2_500, 3_001, 5_200)
RATES_HZ = (44_100, 48_000)


def main() -> None:
    """Print one row per resampler and rate."""
    if len(sys.argv) == 4:
        measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
        return
    seconds = sys.argv[1] if len(sys.argv) > 1 else "600"
    print(
        f"| resampler, {seconds} s | rate | seconds | memory, MB | SNR, dB |\n|---|---|---|---|---|"
    )
    for name in ("torchaudio", "soxr"):
        for rate in RATES_HZ:
            command = [sys.executable, __file__, name, str(rate), seconds]
            run(command)
    run([sys.executable, __file__, "file", "48000", "3600"])


def run(command: list[str]) -> None:
    """Print what a process prints."""
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="")


def measure(name: str, rate_hz: int, seconds: int) -> None:
    """Print the row of one resampler."""
    works = {"torchaudio": by_torchaudio, "soxr": by_soxr, "file": of_file}
    work: Callable[[int, int], float] = works[name]
    work(rate_hz, 1)  # imports, and the filter
    before, since = peak_mb(), time.perf_counter()
    snr = work(rate_hz, seconds)
    passed = time.perf_counter() - since
    print(f"| {name} | {rate_hz} | {passed:.2f} | {peak_mb() - before:.0f} | {snr:.1f} |")


def by_soxr(rate_hz: int, seconds: int) -> float:
    """The ratio of signal to noise in dB; the wave is made and compared in blocks."""
    total, signal, noise, done = seconds * rate_hz, 0.0, 0.0, 0
    blocks = (tones(rate_hz, first, min(BLOCK, total - first)) for first in range(0, total, BLOCK))
    for block in resample_blocks(blocks, rate_hz, TO_HZ):
        expected, inner = tones(TO_HZ, done, len(block)), inside(done, len(block), seconds)
        signal += float(np.square(expected[inner]).sum())
        noise += float(np.square(block[inner] - expected[inner]).sum())
        done += len(block)
    return float(10 * np.log10(signal / noise))


def by_torchaudio(rate_hz: int, seconds: int) -> float:
    """The same of the whole wave at once."""
    import torch
    import torchaudio.functional

    wave = torch.from_numpy(tones(rate_hz, 0, seconds * rate_hz))
    found = torchaudio.functional.resample(wave, rate_hz, TO_HZ).numpy()
    expected, inner = tones(TO_HZ, 0, len(found)), inside(0, len(found), seconds)
    noise = np.square(found[inner] - expected[inner]).sum()
    return float(10 * np.log10(np.square(expected[inner]).sum() / noise))


def of_file(rate_hz: int, seconds: int) -> float:
    """Listen to a silent FLAC file of eight channels; there is no signal."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "silence.flac"
        with soundfile.SoundFile(path, "w", rate_hz, 8) as file:
            for _ in range(seconds):
                file.write(np.zeros((rate_hz, 8), np.int16))
        level_of(round_to_int16(block)[0] for block in Mono(path, TO_HZ))
    return float("nan")


def tones(rate_hz: int, first: int, samples: int) -> np.ndarray:
    """Samples of the reference from one on."""
    wave = np.zeros(samples)
    time_s = np.arange(first, first + samples) / rate_hz
    for hertz in TONES_HZ:
        wave += 0.1 * np.sin(2 * np.pi * hertz * time_s + hertz)
    return wave


def inside(first: int, samples: int, seconds: int) -> slice:
    """What is not within an eighth of a second of the ends, where the wave begins abruptly."""
    margin, end = TO_HZ // 8, seconds * TO_HZ
    return slice(max(0, margin - first), max(0, min(samples, end - margin - first)))


def peak_mb() -> float:
    """The largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
