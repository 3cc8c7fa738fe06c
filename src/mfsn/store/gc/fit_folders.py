"""Working folders of search and train in the store: what a killed fit goes on from.

Results lie in the outputs of the stages. Without its folder a fit that is repeated computes the
same bytes once more.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from mfsn.base import files
from mfsn.store.lock import exclusive
from mfsn.store.messages import explaining


@dataclass(frozen=True)
class FitFolder:
    """The working folder of one unit."""

    path: Path
    bytes: int

    def remove(self) -> None:
        """Delete it.

        Raises:
            StoreBusyError: if a process computes in it.
            CacheError: if it cannot be deleted.
        """
        with exclusive(self.path), explaining(self.path):
            shutil.rmtree(self.path)


def fit_folders(store_root: Path, before: float) -> tuple[list[FitFolder], int]:
    """The folders in which nothing was written since a moment, and the bytes of all others.

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
            fit = FitFolder(folder, sum(status.st_size for status in found))
            if max((status.st_mtime for status in found), default=0.0) < before:
                old.append(fit)
            else:
                kept += fit.bytes
    return old, kept
