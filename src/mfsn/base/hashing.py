"""Hashes of files, remembered with size, times and inode; only new or changed files are read."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mfsn.base.progress import Progress
from mfsn.base.sealed import read_sealed_json, write_sealed_json
from mfsn.errors import CorpusError

# What is remembered about a file: the sha256, then what must be unchanged for it to be valid.
# The first of these is the size.
Entry = list[Any]


def hash_files(root: Path, paths: Iterable[str], cache: Path | None = None) -> dict[str, Entry]:
    """The sha256 and size of files.

    Args:
        root: the folder to which the paths are relative.
        paths: relative paths with forward slashes.
        cache: a JSON file on this machine that remembers the hashes; it is updated. None hashes
            everything.

    Returns:
        For each path [sha256 (hexadecimal), bytes, ...], in the order of the paths.

    Raises:
        CorpusError: if a file cannot be read.
    """
    known = _read_cache(cache)
    progress = Progress(list(paths), desc="scan", unit="file", delay=1)
    hashed: dict[str, Entry] = {}
    try:
        for path in progress:
            hashed[path] = _identify(root / path, known.get(path))
    except BaseException:  # what is read once need not be read again after Ctrl-C
        hashed = {**known, **hashed}
        raise
    finally:
        if cache is not None and hashed != known:
            write_sealed_json(cache, hashed)
    return hashed


def _identify(file: Path, known: Entry | None) -> Entry:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise CorpusError(
                f"{file} is no regular file (it may be a pipe, a socket, a device or a folder); "
                "remove it from the corpus"
            )
        identity = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        if known is not None and known[1:] == identity:
            return known
        with file.open("rb") as opened:
            return [hashlib.file_digest(opened, "sha256").hexdigest(), *identity]
    except OSError as error:
        raise CorpusError(
            f"{file} cannot be read ({error.strerror}); repair or remove it"
        ) from error


def _read_cache(cache: Path | None) -> Mapping[str, Entry]:
    if cache is None:
        return {}
    try:
        known: Mapping[str, Entry] = read_sealed_json(cache)
    except (ValueError, OSError):  # a damaged cache only costs time
        return {}
    return known
