"""Who needs which rows: notes in the store about the digests of every checkout.

Notes lie in `<root>/owners/`, one small file a digest and store directory, so that checkouts which
register at once do not disturb each other, and a parameter that is changed and changed back leaves
both notes. They are about this machine and never an output of a stage.

DVC restores outputs of earlier runs without running the stage, so that no note says which rows a
digest names now: the digest itself does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from mfsn import files
from mfsn.cache import layout as layouts
from mfsn.cache.digest import Digest
from mfsn.cache.trouble import explaining
from mfsn.config import sha256_of
from mfsn.manifest import SEGMENTS, read_table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owner:
    """One digest of one checkout, and a store directory whose rows it named when it was made."""

    checkout: str
    """The main checkout, absolute; experiments in temporary folders count for it."""
    digest: str
    """The digest (for waves the segment table), relative to the checkout."""
    store: str
    """The directory below the store root."""

    @property
    def extractor(self) -> str:
        """The extractor of that directory."""
        return self.store.partition("/")[0]

    @property
    def path(self) -> Path:
        """Where the digest lies."""
        return Path(self.checkout) / self.digest

    def named_now(self, store_root: Path) -> tuple[str, set[str]]:
        """The rows that the digest names now, whichever directory this note is about.

        Args:
            store_root: root of the feature cache.

        Returns:
            The directory below the root, and the row keys; no keys where there is no digest. Waves
            that no directory can hold are named with the extractor alone.

        Raises:
            CacheError: if the digest or the description of a directory cannot be read.
            ManifestError: if the segment table cannot be read.
        """
        if not self.path.is_file():
            return self.store, set()
        if self.path.suffix == ".parquet":
            table = read_table(self.path, SEGMENTS)
            return _directory_of(table, store_root, self.extractor), set(table["row_key"])
        digest = Digest.read(self.path)
        return digest.store, set(digest.rows.values())


def register_owner(store_root: Path, checkout: Path, digest: Path, store: str) -> None:
    """Note that a checkout's digest needs rows of a store directory, beside what it needed before.

    Args:
        store_root: root of the feature cache.
        checkout: the main checkout.
        digest: the digest relative to its workspace.
        store: the directory below the store root.

    Raises:
        CacheError: if the note cannot be written.
    """
    owner = Owner(str(checkout.resolve()), digest.as_posix(), store)
    note = store_root / "owners" / f"{sha256_of(asdict(owner))[:16]}.json"
    with explaining(store_root):
        files.write_json(note, asdict(owner))


def owners(store_root: Path) -> Iterator[Owner]:
    """All notes; those that cannot be read are named in the log and passed over."""
    for note in sorted((store_root / "owners").glob("*.json")):
        try:
            yield Owner(**files.read_json(note))
        except (ValueError, TypeError):
            log.warning("%s cannot be read; the next `dvc repro` of its checkout mends it", note)


def _directory_of(segments: pd.DataFrame, store_root: Path, extractor: str) -> str:
    """The directory whose identity the row keys were made from; the table does not say it."""
    sha, start, key = segments[["audio_sha256", "start_sample", "row_key"]].iloc[0]
    for path in layouts.directories(store_root, extractor):
        layout = layouts.load(path)
        if layout and layout.spec.row_key(sha, int(start)) == key:
            return layout.spec.directory
    return extractor
