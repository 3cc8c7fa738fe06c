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
    used: float
    """When something was written there for the last time (seconds since the epoch)."""

    def remove(self) -> None:
        """Delete it, unless somebody used it since it was found.

        Raises:
            StoreBusyError: if a process computes in it.
            CacheError: if it cannot be deleted.
        """
        with exclusive(self.path), explaining(self.path):
            if _found(self.path).used == self.used:
                shutil.rmtree(self.path)


def fit_folders(store_root: Path, before: float) -> tuple[list[FitFolder], int]:
    """The folders that nobody used since a moment, and the bytes of all others.

    A stage that runs uses the folders of all its units, also of those that are finished (see
    `mfsn.systems.units`).

    Args:
        store_root: root of the feature cache.
        before: the moment, in seconds since the epoch.

    Raises:
        CacheError: if a folder cannot be read.
    """
    old, kept = [], 0
    with explaining(store_root):
        for folder in sorted(path for path in store_root.glob("runs/*/*") if path.is_dir()):
            fit = _found(folder)
            if fit.used < before:
                old.append(fit)
            else:
                kept += fit.bytes
    return old, kept


def _found(folder: Path) -> FitFolder:
    found = list(files.stats(path for path in files.below(folder) if path.name != ".lock"))
    used = max((status.st_mtime for _, status in found), default=0.0)
    return FitFolder(folder, sum(status.st_size for _, status in found), used)
