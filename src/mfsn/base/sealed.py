"""Files and folders with a checksum that is compared before they are used.

A checksum finds damage: flipped bits, files that were cut off or mixed up. It is no signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfsn.base.files import read_json, write_bytes, write_json

SEAL = ".seal"
"""The file of a sealed folder that holds the checksums of the others."""


def write_sealed(path: Path, data: bytes) -> None:
    """Write bytes, with their sha256 as the first line of the file, whole or not at all."""
    write_bytes(path, _sha256(data) + b"\n" + data)


def read_sealed(path: Path) -> bytes:
    """Read what `write_sealed` wrote.

    Raises:
        ValueError: if it is not as it was written.
        OSError: if it cannot be read.
    """
    seal, _, data = path.read_bytes().partition(b"\n")
    if seal != _sha256(data):
        raise ValueError(f"{path} is not as it was written")
    return data


def write_sealed_json(path: Path, values: Any) -> None:
    """Write plain values as JSON beside their checksum, whole or not at all."""
    write_json(path, {"sha256": _json_sha256(values), "values": values})


def read_sealed_json(path: Path) -> Any:
    """Read what `write_sealed_json` wrote.

    Raises:
        ValueError: if it is not as it was written.
        OSError: if it cannot be read.
    """
    content = read_json(path)
    if not isinstance(content, dict) or content.keys() != {"sha256", "values"}:
        raise ValueError(f"{path} has no checksum")
    if content["sha256"] != _json_sha256(content["values"]):
        raise ValueError(f"{path} is not as it was written")
    return content["values"]


def seal_folder(folder: Path) -> None:
    """Write the checksums of the visible files of a folder, whose content is complete now."""
    write_sealed_json(folder / SEAL, _sums(folder))


def is_sealed(folder: Path) -> bool:
    """Whether a folder has a seal, be it right or not."""
    return (folder / SEAL).exists()


def is_whole(folder: Path) -> bool:
    """Whether a folder has a seal and every visible file is as it was when the seal was written."""
    try:
        return bool(read_sealed_json(folder / SEAL) == _sums(folder))
    except (OSError, ValueError):
        return False


def file_sha256(path: Path) -> str:
    """The sha256 of a file (hexadecimal)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sums(folder: Path) -> Mapping[str, str]:
    visible = (path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.name: file_sha256(path) for path in sorted(visible) if path.is_file()}


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _json_sha256(values: Any) -> str:
    return _sha256(json.dumps(values, sort_keys=True, allow_nan=False).encode()).decode()
