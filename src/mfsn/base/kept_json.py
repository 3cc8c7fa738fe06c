"""JSON that a stage wrote: whoever asks for an entry that a file lacks is told which file it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfsn.base.files import read_json
from mfsn.errors import DamagedFileError


class Kept(dict[str, Any]):
    """A JSON object of a file, or one inside another. A missing entry is a `DamagedFileError`."""

    def __init__(self, values: dict[str, Any], path: Path) -> None:
        """Values of the file at `path`."""
        super().__init__(values)
        self._path = path

    def __or__(self, others: dict[str, Any]) -> Kept:  # type: ignore[override]
        """These entries and others, still of this file."""
        return Kept({**self, **others}, self._path)

    def __missing__(self, name: str) -> Any:
        raise DamagedFileError(
            f"{self._path} has no entry {name!r}: it is damaged, or another version of mfsn wrote "
            "it; run `dvc repro` to make it again"
        )


def read_kept(path: Path, kind: type[dict[str, Any] | list[Any]] = dict) -> Any:
    """Read a JSON file that a stage wrote.

    Args:
        path: the file.
        kind: what it holds.

    Returns:
        A `Kept`, or a list of what the file lists; all objects inside are `Kept` too.

    Raises:
        DamagedFileError: if it is no JSON or of another kind, and later, when an entry is asked
            for that the file lacks.
        OSError: if it cannot be read.
    """
    return kept(read_json(path), path, kind)


def kept(content: Any, path: Path, kind: type[dict[str, Any] | list[Any]] = dict) -> Any:
    """What was read from a JSON file, as `read_kept` returns it.

    Raises:
        DamagedFileError: if it is of another kind.
    """
    if not isinstance(content, kind):
        raise DamagedFileError(
            f"{path} holds {_said(content)}, not {_said(kind())}: it is damaged; run `dvc repro` "
            "to make it again"
        )
    return _with_path(content, path)


def _with_path(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return Kept({name: _with_path(inner, path) for name, inner in value.items()}, path)
    return [_with_path(inner, path) for inner in value] if isinstance(value, list) else value


def _said(content: Any) -> str:
    if isinstance(content, list):
        return "a list"
    return "entries" if isinstance(content, dict) else "one value"
