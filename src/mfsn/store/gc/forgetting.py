"""Digests that are in use and whose rows go: DVC forgets them, and computes the rows again.

For DVC nothing changed where rows of the store went, so that `dvc repro` would leave a digest as it
is, or bring it back from DVC's cache. Without the file in the working tree, its content in DVC's
cache and the entry of the run-cache, DVC runs the stage; the digest is the same as before, and
nothing after it runs again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from mfsn.base import files
from mfsn.base.quantities import counted
from mfsn.errors import CacheError, StorageFullError
from mfsn.store.gc.dvc import cache_folder, content
from mfsn.store.gc.references import WORKING_TREE, Reference
from mfsn.store.gc.running import running_stage
from mfsn.store.messages import REPAIR
from mfsn.store.owners import forgotten


@dataclass(frozen=True)
class Loss:
    """Rows that go although a digest in use names them."""

    checkout: Path
    digest: str
    """The digest, relative to its workspace."""
    source: str
    """What names them; DVC forgets what the working tree names alone."""
    rows: int

    def sentence(self, done: bool) -> str:
        """One line about it.

        Args:
            done: the rows go; else they would.
        """
        loses = "loses" if done else "would lose"
        where = f"{self.checkout}: {self.digest} of its {self.source} {loses} "
        is_forgotten = self.source == WORKING_TREE and running_stage(self.checkout) is None
        again = "`dvc repro`" if is_forgotten else REPAIR
        return f"{where}{counted(self.rows, 'row')}; {again} there computes them again"

    def forget(self, store_root: Path) -> None:
        """Let DVC forget the digest, if it is a working tree's; a copy stays in the store.

        Args:
            store_root: root of the feature cache.

        Raises:
            CacheError: if DVC runs a stage there, or a file cannot be removed.
            StorageFullError: if there is no room for the copy.
        """
        if self.source != WORKING_TREE:
            return
        if process := running_stage(self.checkout):
            raise CacheError(
                f"DVC runs a stage there (process {process}); once it is done, {REPAIR} there "
                "computes the rows again"
            )
        try:
            self._move(store_root)
        except FileNotFoundError:  # in the meantime
            return
        except StorageFullError:
            raise
        except OSError as error:
            raise CacheError(
                f"it cannot be removed ({error.strerror}); {REPAIR} there, by its owner, computes "
                "its rows again"
            ) from error

    def _move(self, store_root: Path) -> None:
        path = self.checkout / self.digest
        named = path.read_bytes()
        md5 = hashlib.md5(named, usedforsecurity=False).hexdigest()
        files.write_bytes(forgotten(store_root) / md5, named)
        content(cache_folder(self.checkout), md5).unlink(missing_ok=True)
        path.unlink()


def losses(references: Iterable[Reference], going: Mapping[str, Set[str]]) -> Iterator[Loss]:
    """What working trees, running jobs and checkouts out of reach lose.

    Args:
        references: everything that needs rows.
        going: store directory to the keys of rows that go.
    """
    for each in references:
        keys = going.get(each.store, frozenset())
        lost = len(keys if each.keys is None else keys & each.keys)
        if lost and each.is_of_workspace:
            yield Loss(Path(each.checkout), each.digest, each.source, lost)
