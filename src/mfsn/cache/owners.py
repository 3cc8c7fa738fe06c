"""Who needs which rows: a note in the store for every digest of every checkout.

Notes lie in `<root>/owners/`, one small file a digest, so that checkouts which register at once
do not disturb each other. They are about this machine and never an output of a stage.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mfsn import files
from mfsn.cache.digest import Digest
from mfsn.cache.trouble import explaining
from mfsn.config import sha256_of
from mfsn.manifest import SEGMENTS, read_table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owner:
    """One digest of one checkout."""

    checkout: str
    """The main checkout, absolute; experiments in temporary folders count for it."""
    digest: str
    """The digest (for waves the segment table), relative to the checkout."""
    store: str
    """The directory below the store root whose rows it names."""

    @property
    def extractor(self) -> str:
        """The extractor of that directory."""
        return self.store.partition("/")[0]

    @property
    def path(self) -> Path:
        """Where the digest lies."""
        return Path(self.checkout) / self.digest

    def keys(self) -> set[str]:
        """The row keys that the digest names now; none where it does not exist.

        Raises:
            CacheError: if the digest cannot be read.
            ManifestError: if the segment table cannot be read.
        """
        if not self.path.is_file():
            return set()
        if self.path.suffix == ".parquet":
            return set(read_table(self.path, SEGMENTS)["row_key"])
        digest = Digest.read(self.path)
        return set(digest.rows.values()) if digest.store == self.store else set()


def register_owner(store_root: Path, checkout: Path, digest: Path, store: str) -> None:
    """Note that a checkout's digest needs rows of a store directory.

    Args:
        store_root: root of the feature cache.
        checkout: the main checkout.
        digest: the digest relative to its workspace.
        store: the directory below the store root.

    Raises:
        CacheError: if the note cannot be written.
    """
    owner = Owner(str(checkout.resolve()), digest.as_posix(), store)
    note = store_root / "owners" / f"{sha256_of([owner.checkout, owner.digest])[:16]}.json"
    with explaining(store_root):
        files.write_json(note, asdict(owner))


def owners(store_root: Path) -> Iterator[Owner]:
    """All notes; those that cannot be read are named in the log and passed over."""
    for note in sorted((store_root / "owners").glob("*.json")):
        try:
            yield Owner(**files.read_json(note))
        except (ValueError, TypeError):
            log.warning("%s cannot be read; the next `dvc repro` of its checkout mends it", note)
