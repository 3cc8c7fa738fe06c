"""What decides the bits of a row besides its parameters: this code, its libraries, the processor.

Imports nothing but the standard library, so that a node of a cluster that lacks something can say
so in a sentence.
"""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
"""The folder of the mfsn that is imported here."""

LIBRARIES = ("numpy", "torch", "torchaudio", "transformers")
"""Whose versions decide the bits of a row."""

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
    """Versions without what follows a plus sign: torch is built for CPU here, for CUDA there."""
    return {name: _version(name).partition("+")[0] for name in LIBRARIES}


def processor() -> list[str]:
    """What Linux says of the first processor; elsewhere its architecture."""
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
