"""Writing the outputs of stages: folders that are complete or absent."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from mfsn.base.files import explain_full_disk


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`, which replaces `path` if the body succeeds.

    Raises:
        StorageFullError: if the disk is full; the folder from before is kept.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with explain_full_disk(path):
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_files(source: Path, target: Path, leave: Collection[str] = ()) -> None:
    """Copy the visible files of a folder into a new folder, except those named in `leave`."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name not in leave and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)
