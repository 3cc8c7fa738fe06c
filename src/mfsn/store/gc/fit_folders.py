"""Working folders of search and train: what they made is in their outputs once they are finished.

A folder that is left makes a killed run go on where it was, and a repeated one start from what is
there. Without it the same bytes are computed again.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from mfsn.base import files
from mfsn.store.lock import exclusive
from mfsn.store.messages import explaining


@dataclass(frozen=True)
class RunFolder:
    """The working folder of a fold and seed."""

    path: Path
    bytes: int

    def remove(self) -> None:
        """Remove it, unless somebody computes in it.

        Raises:
            StoreBusyError: if somebody does.
            CacheError: if it cannot be removed.
        """
        with exclusive(self.path), explaining(self.path):
            shutil.rmtree(self.path)


def run_folders(store_root: Path, before: float) -> tuple[list[RunFolder], int]:
    """Folders in which nothing was written since a moment, and the bytes of all others.

    Args:
        store_root: root of the feature cache.
        before: the moment, in seconds since the epoch.

    Raises:
        CacheError: if a folder cannot be read.
    """
    old, kept = [], 0
    with explaining(store_root):
        for folder in sorted(path for path in store_root.glob("runs/*/*") if path.is_dir()):
            found = [status for _, status in files.stats(files.below(folder))]
            run = RunFolder(folder, sum(status.st_size for status in found))
            if max((status.st_mtime for status in found), default=0.0) < before:
                old.append(run)
            else:
                kept += run.bytes
    return old, kept
