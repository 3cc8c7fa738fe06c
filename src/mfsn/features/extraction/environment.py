"""What decides the bits of a row besides its parameters: this code, its libraries, the processor.

This module imports only the standard library. So a node of a cluster on which something is missing
can say so in one sentence.
"""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
"""The folder of the mfsn that is imported here."""

LIBRARIES = ("numpy", "torch", "torchaudio", "transformers")
"""Libraries whose versions decide the bits of a row."""

_FACTS = Path("/proc/cpuinfo")
_DECISIVE = ("vendor_id", "model name", "flags", "Features")
"""Instruction sets choose the kernels, also where a virtual machine hides some."""


def code_sha256() -> str:
    """A hash of the sources of the mfsn that is imported here."""
    hashed = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        hashed.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()


def library_versions() -> dict[str, str]:
    """Versions without what follows a plus sign, which names the device that torch is built for."""
    return {name: _version(name).partition("+")[0] for name in LIBRARIES}


def processor() -> list[str]:
    """What Linux says about the first processor; on other systems its architecture only."""
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
