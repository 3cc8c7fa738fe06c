"""List the files of a corpus folder with their sizes and sha256.

This runs with every `dvc repro`. So a file is hashed only if it is new or has changed, and nothing
heavy is imported.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from mfsn.base.files import write_text
from mfsn.base.hashing import Entry, hash_files
from mfsn.corpora.base import get_reader, refuse
from mfsn.corpora.config import CorpusConfig
from mfsn.errors import CorpusError, readable
from mfsn.workspace import corpus_root, corpus_variable

COLUMNS = ("path", "bytes", "sha256")


@dataclass(frozen=True)
class ScannedFile:
    """One file of a corpus: a recording or an annotation."""

    path: str
    """Relative to the corpus root, with forward slashes."""
    bytes: int
    sha256: str


Identify = Callable[[Path, Iterable[str], Path | None], Mapping[str, Entry]]


def scan_corpus(
    config: CorpusConfig, root: Path, cache: Path | None = None, identify: Identify = hash_files
) -> list[ScannedFile]:
    """List and hash the files of a corpus.

    Args:
        config: the corpus.
        root: its folder. The parts of a joined corpus are each in the folder that they would have
            as a corpus of their own.
        cache: a JSON file on this machine that holds the hash of each file with its size, times
            and inode; it is updated. None hashes everything.
        identify: gives the sha256 and the size of files, or a replacement for them.

    Returns:
        The files, sorted by path. Paths in a joined corpus are `../<part>/...`.

    Raises:
        CorpusError: if the folder is missing or contains no corpus, the reader cannot understand
            its annotation table, or a file cannot be read.
    """
    if config.parts:
        return _scan_parts(config, cache, identify)
    reader = get_reader(config.reader)
    paths = reader.files(root) if root.is_dir() else []
    if not paths:
        raise no_corpus(config, root)
    refuse(
        [readable(path) for path in paths if readable(path) != path],
        f"{root} has file names that are not UTF-8",
        "rename these files, for example with convmv",
    )
    hashed = identify(root, paths, cache)
    return [ScannedFile(path, entry[1], entry[0]) for path, entry in hashed.items()]


def no_corpus(config: CorpusConfig, root: Path) -> CorpusError:
    """The error about a folder without recordings; it says how to obtain the corpus."""
    found = "contains no recordings" if root.is_dir() else "does not exist"
    return CorpusError(
        f"corpus {config.name}: {root} {found}; {get_reader(config.reader).facts.obtain}, or set "
        f"{corpus_variable(config.name)} to the folder that contains it"
    )


def files_of_part(name: str, files: Sequence[ScannedFile]) -> list[ScannedFile]:
    """The files of one part of a joined corpus, with paths relative to its own folder."""
    before = f"../{name}/"
    return [
        replace(file, path=file.path.removeprefix(before))
        for file in files
        if file.path.startswith(before)
    ]


def _scan_parts(config: CorpusConfig, cache: Path | None, identify: Identify) -> list[ScannedFile]:
    """Scan every part with the hash cache that it has as a corpus of its own."""
    found = [
        replace(file, path=f"../{part.name}/{file.path}")
        for part in config.members
        for file in scan_corpus(
            part, corpus_root(part.name), cache and cache.with_name(f"{part.name}.json"), identify
        )
    ]
    return sorted(found, key=lambda file: file.path)


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
        CorpusError: if it is missing or damaged.
    """
    if not path.is_file():
        raise CorpusError(f"{path} is missing; run `dvc repro` to create it")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t", strict=True)
            return [_scanned(row) for row in rows]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise CorpusError(
            f"{path} is damaged ({error}); delete it and run `dvc repro` to make it again"
        ) from error


def _scanned(row: Mapping[str, str]) -> ScannedFile:
    if not re.fullmatch("[0-9a-f]{64}", row["sha256"]):
        raise ValueError(f"{row['sha256']} is no sha256")
    return ScannedFile(row["path"], int(row["bytes"]), row["sha256"])
