"""Decode every recording of a corpus, or read only its header, to know which can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfsn.audio.decoding import decode, probe
from mfsn.base.progress import Progress
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.errors import AudioError
from mfsn.runtime import jobs


@dataclass(frozen=True)
class Sound:
    """What is known about a recording after decoding."""

    duration_s: float
    peak: float
    """The largest absolute sample; full scale is 1."""


Heard = tuple[dict[str, Sound], list[str]]
Hear = Callable[[Path, Iterable[str], Mapping[str, ScannedFile]], Heard]
"""How recordings are examined: `listen` or `glance`."""


def listen(root: Path, paths: Iterable[str], files: Mapping[str, ScannedFile]) -> Heard:
    """Decode recordings, several at once.

    Args:
        root: the corpus folder.
        paths: the recordings, relative to `root`.
        files: for each path, what the scan found there.

    Returns:
        For each path of a usable recording, what it holds; and one text for each recording that
        cannot be used (unreadable, truncated, empty, NaN, changed since the scan), with its path
        and what is wrong with it.
    """
    return _each(paths, lambda path: _hear(root, files[path]), "listen")


def glance(root: Path, paths: Iterable[str], _files: Mapping[str, ScannedFile]) -> Heard:
    """Like `listen`, but read only headers; so damage behind a header, and silence, go unseen."""
    return _each(paths, lambda path: _look(root / path, path), "headers")


def _each(paths: Iterable[str], hear: Callable[[str], Sound | str], what: str) -> Heard:
    wanted = sorted(set(paths))
    with ThreadPoolExecutor(jobs()) as pool:
        heard = pool.map(hear, wanted)
        progress = Progress(heard, total=len(wanted), desc=what, unit="file")
        sounds = dict(zip(wanted, progress, strict=True))
    usable = {path: sound for path, sound in sounds.items() if isinstance(sound, Sound)}
    return usable, [sound for sound in sounds.values() if isinstance(sound, str)]


def _hear(root: Path, file: ScannedFile) -> Sound | str:
    path = root / file.path
    try:
        samples_NC, rate = decode(path)
    except AudioError as error:
        return file.path + _reason(error, path)
    if path.stat().st_size != file.bytes:
        return f"{file.path} has changed since it was scanned"
    return Sound(len(samples_NC) / rate, float(np.abs(samples_NC).max()))


def _look(path: Path, name: str) -> Sound | str:
    try:
        return Sound(probe(path).duration_s, peak=1.0)
    except AudioError as error:
        return name + _reason(error, path)


def _reason(error: AudioError, path: Path) -> str:
    return str(error).removeprefix(str(path)).partition("; ")[0]
