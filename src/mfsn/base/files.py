"""Write files whole or not at all: under a temporary name, which is then changed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mfsn.errors import DamagedFileError, OutputError, StorageFullError

_DENIED = "give this user the right to read and write there, or choose another folder"
_UNFIT = "choose another file or folder"
_REMEDIES = dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _DENIED)
_REMEDIES |= dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG), _UNFIT)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success the file is flushed to disk and renamed.

    Raises:
        StorageFullError: if the disk is full; no incomplete file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with explain_full_disk(path):
            yield temporary
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def explain_full_disk(path: Path) -> Iterator[None]:
    """Turn the error "no space left" for `path` into one clear sentence.

    Raises:
        StorageFullError: if the body runs out of disk space or quota.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(
                f"{path.parent}: no space left on the disk; everything finished so far is intact; "
                "free some space, or move the store with MFSN_STORE, and run the same command again"
            ) from error
        raise


@contextlib.contextmanager
def explain_denied() -> Iterator[None]:
    """Turn errors about permissions and impossible file names into one clear sentence.

    A whole command runs inside it.

    Raises:
        OutputError: if the body may not read or write a file, or a path is too long, leads through
            a file, or is a folder instead of a file.
    """
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename
        if error.errno in _REMEDIES and place:
            raise OutputError(
                f"{place} cannot be used ({error.strerror}); {_REMEDIES[error.errno]}"
            ) from error
        raise


def stats(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Paths with their size and times; files that another process just removed are left out."""
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        yield path, status


def below(folder: Path) -> Iterator[Path]:
    """All files below a folder; other processes may remove them at any moment."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def move(source: Path, target: Path) -> None:
    """Rename a flushed file within a file system, and flush the new name to disk."""
    source.replace(target)
    _flush(target.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, values: Any) -> None:
    """Write values as indented JSON with sorted keys and a final newline; NaN is refused.

    It is written piece by piece, so that the text of a large digest need not fit into memory.
    """
    encoder = json.JSONEncoder(indent=1, sort_keys=True, allow_nan=False)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(encoder.iterencode(values))
        file.write("\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DamagedFileError: if it is no JSON.
        OSError: if it cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{path} is damaged ({error}); delete it and run `dvc repro` to make it again"
        ) from error


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
