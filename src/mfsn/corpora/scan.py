"""What lies in a corpus folder: every file with its size and sha256.

It runs at every `dvc repro`, so it hashes a file only when it is new or has changed, and imports
nothing heavy.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mfsn.corpora.base import get_reader
from mfsn.corpora.config import CorpusConfig
from mfsn.errors import CorpusError
from mfsn.files import read_json, write_json, write_text
from mfsn.workspace import corpus_variable

COLUMNS = ("path", "bytes", "sha256")


@dataclass(frozen=True)
class ScannedFile:
    """One file of a corpus, annotations included."""

    path: str
    """Relative to the corpus root, with forward slashes."""
    bytes: int
    sha256: str


def scan_corpus(config: CorpusConfig, root: Path, cache: Path | None = None) -> list[ScannedFile]:
    """List and hash the files of a corpus.

    Args:
        config: which corpus.
        root: its folder.
        cache: a JSON file of this machine that remembers the hash of each file by its size, times
            and inode; it is brought up to date. None hashes everything.

    Returns:
        The files, sorted by path.

    Raises:
        CorpusError: if the folder is missing or holds no corpus, or if the reader cannot
            understand its table of annotations, or if a file cannot be read.
    """
    reader = get_reader(config.reader)
    paths = reader.files(root) if root.is_dir() else []
    if not paths:
        found = "holds no recordings" if root.is_dir() else "does not exist"
        raise CorpusError(
            f"corpus {config.name}: {root} {found}; {reader.facts.obtain}, or set "
            f"{corpus_variable(config.name)} to the folder that holds it"
        )
    known = _read_cache(cache)
    progress = tqdm(paths, desc="scan", unit="file", disable=None, delay=1)
    scanned = {path: _identify(root / path, known.get(path)) for path in progress}
    if cache is not None and scanned != known:
        write_json(cache, scanned)
    return [ScannedFile(path, entry[1], entry[0]) for path, entry in scanned.items()]


def write_files(path: Path, files: Sequence[ScannedFile]) -> None:
    """Write the list as tab-separated text with a header."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(astuple(file) for file in files)
    write_text(path, text.getvalue())


def read_files(path: Path) -> list[ScannedFile]:
    """Read the list that `write_files` wrote.

    Raises:
        CorpusError: if it is missing.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is missing; run `dvc repro` to make it")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [ScannedFile(row["path"], int(row["bytes"]), row["sha256"]) for row in rows]


# A cache entry: sha256, then what must be unchanged for it to hold.
Entry = list[Any]


def _identify(file: Path, known: Entry | None) -> Entry:
    try:
        status = file.stat()
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
    if cache is None or not cache.is_file():
        return {}
    try:
        known: Mapping[str, Entry] = read_json(cache)
    except ValueError:  # a damaged cache only costs time
        return {}
    return known
