"""Pointers of Git LFS: small texts that stand for files which were not fetched."""

from __future__ import annotations

from pathlib import Path

from mfsn.errors import CorpusError

_FIRST_LINE = b"version https://git-lfs.github.com/spec/"


def require_fetched(table: Path) -> None:
    """Check that a file of a corpus is there itself.

    Raises:
        CorpusError: if it is a pointer of Git LFS.
    """
    with table.open("rb") as file:
        if is_pointer(file.read(128)):
            raise CorpusError(
                f"{table} is a pointer of Git LFS, and `git lfs pull` brings the file; run it in "
                "the folder of the corpus"
            )


def is_pointer(content: bytes) -> bool:
    """Whether a file is a pointer of Git LFS.

    Args:
        content: the file, or its first 128 bytes.
    """
    return content.startswith(_FIRST_LINE)
