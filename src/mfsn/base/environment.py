"""What decides bits besides parameters: this code, its libraries, the processor.

This module imports nothing but the standard library, so that a node of a cluster that lacks a
library can say so in one sentence.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""The folder of the mfsn that is imported here."""

LIBRARIES = ("numpy", "torch", "torchaudio", "transformers")
"""The libraries whose versions decide the bits of a row."""

_FACTS = Path("/proc/cpuinfo")
_DECISIVE = ("vendor_id", "model name", "flags", "Features")
"""Libraries choose their kernels by the instruction sets, some of which a virtual machine hides."""


def code_sha256() -> str:
    """A hash of the sources of the mfsn that is imported here."""
    hashed = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        hashed.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()


def library_versions(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """The version of each library that is installed here.

    What follows a plus sign is left out, because torch may be a CPU build on one machine and a CUDA
    build on another. A library that is not installed has the version `(none)`.
    """
    return {name: _version(name).partition("+")[0] for name in names}


def processor() -> list[str]:
    """What Linux says about the first processor; on other systems the architecture alone."""
    found = [platform.machine()]
    if _FACTS.is_file():
        first, _, _ = _FACTS.read_text(encoding="utf-8", errors="replace").partition("\n\n")
        found += [line for line in first.splitlines() if line.startswith(_DECISIVE)]
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(none)"
