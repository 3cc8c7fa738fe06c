"""Decode every recording of a corpus once, to know which can be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mfsn.audio import decode
from mfsn.corpora.scan import ScannedFile
from mfsn.errors import AudioError
from mfsn.runtime import jobs


@dataclass(frozen=True)
class Sound:
    """What decoding a recording showed."""

    duration_s: float
    peak: float
    """Largest magnitude, full scale 1."""


def listen(
    root: Path, paths: Iterable[str], files: Mapping[str, ScannedFile]
) -> tuple[dict[str, Sound], list[str]]:
    """Decode recordings, several at once.

    Args:
        root: the corpus folder.
        paths: recordings, relative to `root`.
        files: path to what the scan found there.

    Returns:
        Path to what the recording holds; and for each that cannot be used (unreadable, truncated,
        empty, NaN, changed since the scan) its path and what is wrong with it.
    """
    wanted = sorted(set(paths))
    with ThreadPoolExecutor(jobs()) as pool:
        heard = pool.map(lambda path: _hear(root, files[path]), wanted)
        progress = tqdm(heard, total=len(wanted), desc="listen", unit="file", disable=None)
        sounds = dict(zip(wanted, progress, strict=True))
    usable = {path: sound for path, sound in sounds.items() if isinstance(sound, Sound)}
    return usable, [sound for sound in sounds.values() if isinstance(sound, str)]


def _hear(root: Path, file: ScannedFile) -> Sound | str:
    path = root / file.path
    try:
        samples_NC, rate = decode(path)
    except AudioError as error:
        reason, _, _ = str(error).removeprefix(str(path)).partition("; ")
        return file.path + reason
    if path.stat().st_size != file.bytes:
        return f"{file.path} has changed since it was scanned"
    return Sound(len(samples_NC) / rate, float(np.abs(samples_NC).max()))
