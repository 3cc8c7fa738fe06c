"""Corpora of the right shape, written from the published facts; nothing of mfsn is imported."""

from __future__ import annotations

import hashlib
import itertools
import struct
import wave
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

WriteClip = Callable[..., Path]

RAVDESS_NEUTRAL = ("01",)
RAVDESS_OTHERS = ("02", "03", "04", "05", "06", "07", "08")
EMODB_LETTERS = {"W": 127, "L": 81, "N": 79, "F": 71, "A": 69, "T": 62, "E": 46}
EMODB_SPEAKERS = {
    "03": 49, "08": 58, "09": 43, "10": 38, "11": 55, "12": 35, "13": 61, "14": 69, "15": 56,
    "16": 71,
}  # fmt: skip
EMODB_TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")


def write_clip(path: Path, content: object = None, level: int = 8000, samples: int = 40) -> Path:
    """Write a short clip whose bytes depend on `content` (default: its file name)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(str(content or path.name).encode()).digest()
    values = [level * (digest[i % 32] - 128) // 128 for i in range(samples)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, samples, "NONE", "not compressed"))
        file.writeframes(b"".join(v.to_bytes(2, "little", signed=True) for v in values))
    return path


def wav_bytes(name: str, rate: int = 16_000, samples: int = 160) -> bytes:
    """A WAV file of 16 bits with a header of 44 bytes; `name` decides its noise."""
    noise = hashlib.sha256(name.encode()).digest()
    data = (noise * (2 * samples // len(noise) + 1))[: 2 * samples]
    chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    chunk += struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunk), b"WAVE") + chunk


def ravdess_names() -> list[str]:
    """Actor_NN/<name> of all 1440 clips, without ending."""
    return [
        f"Actor_{actor:02d}/03-01-{emotion}-{intensity}-{sentence}-{repetition}-{actor:02d}"
        for actor in range(1, 25)
        for emotions, intensities in ((RAVDESS_NEUTRAL, ("01",)), (RAVDESS_OTHERS, ("01", "02")))
        for emotion, intensity in itertools.product(emotions, intensities)
        for sentence, repetition in itertools.product(("01", "02"), ("01", "02"))
    ]


def emodb_names() -> list[str]:
    """535 names with the published counts of each letter and of each speaker."""
    letters = spread(EMODB_LETTERS)
    speakers = [speaker for speaker, count in EMODB_SPEAKERS.items() for _ in range(count)]
    takes = itertools.cycle(itertools.product("abcdef", EMODB_TEXTS))
    free = {pair: iter(list(itertools.islice(takes, 60))) for pair in itertools.product(
        EMODB_SPEAKERS, EMODB_LETTERS)}  # fmt: skip
    names = []
    for speaker, letter in zip(speakers, letters, strict=True):
        version, text = next(free[speaker, letter])
        names.append(f"{speaker}{text}{letter}{version}")
    return names


def spread(counts: dict[str, int]) -> list[str]:
    """Each key as often as its count says, evenly mixed."""
    placed = [((i + 0.5) / count, key) for key, count in counts.items() for i in range(count)]
    return [key for _, key in sorted(placed)]


def write_all(root: Path, names: Iterable[str], suffix: str = ".wav") -> Path:
    """One clip a name below `root`."""
    for name in names:
        write_clip(root / f"{name}{suffix}")
    return root


@pytest.fixture(scope="session")
def clip() -> WriteClip:
    """Writes one short clip: clip(path, content=None, level=8000, samples=40)."""
    return write_clip


@pytest.fixture(scope="session")
def wav() -> Callable[..., bytes]:
    """The bytes of a short clip: wav(name, rate=16_000, samples=160)."""
    return wav_bytes


@pytest.fixture(scope="session")
def ravdess_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of RAVDESS in shape; not to be changed by a test."""
    return write_all(tmp_path_factory.mktemp("ravdess"), ravdess_names())


@pytest.fixture(scope="session")
def emodb_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of EMO-DB in shape, in its wav folder; not to be changed by a test."""
    root = tmp_path_factory.mktemp("emodb")
    write_all(root / "wav", emodb_names())
    (root / "erkennung.txt").write_text("Nr.\tSatz\terkannt\tnatuerlich\n1\t03a01Fa\t90,0\t80,0\n")
    return root


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A table corpus of four clips: one sad, two happy, one bored."""
    rows = "a.wav,sad\nb.wav,happy\nc.wav,happy\nd.wav,bored\n"
    (tmp_path / "table.csv").write_text(f"path,emotion\n{rows}")
    return write_all(tmp_path, ("a", "b", "c", "d"))
