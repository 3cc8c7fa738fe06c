"""Decode every recording of a corpus, or read only its header, to know which can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mfsn.audio.decoding import AS_BEFORE, Mono, probe, round_to_int16
from mfsn.audio.fingerprint import Fingerprint, Printing
from mfsn.audio.level import Level, level_of
from mfsn.base.progress import Progress
from mfsn.corpora.preparing.scan import ScannedFile
from mfsn.errors import AudioError, readable
from mfsn.runtime import jobs


@dataclass(frozen=True)
class Sound:
    """What is known about a recording after decoding."""

    duration_s: float
    level: Level
    """Of the mono wave that is stored."""
    code: int = AS_BEFORE
    """How the recording becomes a wave; see `mfsn.audio.decoding.AS_BEFORE`."""
    print: Fingerprint | None = field(default=None, compare=False)
    """What it sounds like; None if it was not decoded."""


Heard = tuple[dict[str, Sound], list[str]]
Hear = Callable[[Path, Iterable[str], Mapping[str, ScannedFile]], Heard]
"""How recordings are examined: `listen` or `glance`."""


def listen(
    root: Path, paths: Iterable[str], files: Mapping[str, ScannedFile], to_hz: int = 16_000
) -> Heard:
    """Decode recordings as they are stored, several at once, each in blocks.

    Args:
        root: the corpus folder.
        paths: the recordings, relative to `root`.
        files: for each path, what the scan found there.
        to_hz: the rate of the stored waves in hertz.

    Returns:
        For each path of a usable recording, what it holds; and one text for each recording that
        cannot be used (unreadable, truncated, empty, NaN, clipped throughout, changed since the
        scan), with its path and what is wrong with it.
    """
    return _each(paths, lambda path: _hear(root, files[path], to_hz), "listen")


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


def _hear(root: Path, file: ScannedFile, to_hz: int) -> Sound | str:
    path, mono, printing = root / file.path, Mono(root / file.path, to_hz), Printing()
    try:
        level = level_of(printing.through(round_to_int16(block)[0] for block in mono))
        if path.stat().st_size != file.bytes:
            return f"{file.path} has changed since it was scanned"
    except AudioError as error:
        return file.path + _reason(error, path)
    if level.is_ruined:
        return (
            f"{file.path} is beyond full scale in {level.clipped:.1%} of its samples, as if they "
            "had the unit of 16-bit numbers, so divide them by 32768"
        )
    return Sound(mono.frames / mono.rate_hz, level, mono.code, printing.made())


def _look(path: Path, name: str) -> Sound | str:
    try:
        return Sound(probe(path).duration_s, _AUDIBLE)
    except AudioError as error:
        return name + _reason(error, path)


def _reason(error: AudioError, path: Path) -> str:
    return str(error).removeprefix(readable(path)).partition("; ")[0]


_AUDIBLE = Level(peak=1.0, offset=0.0, deviation=1.0, clipped=0.0)
"""What is taken for true where only the header of a recording is read."""
