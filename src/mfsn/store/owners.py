"""Who needs which rows: notes in the store about the digests of every checkout.

Notes lie in `<root>/owners/`, one small file a digest and store directory, so that checkouts which
register at once do not disturb each other, and a parameter that is changed and changed back leaves
both notes. They are about this machine and never an output of a stage.

DVC restores outputs of earlier runs without running the stage, so that no note says which rows a
digest names now: the digest itself does. The time of a note says when its rows were last extracted
or read.
"""

from __future__ import annotations

import contextlib
import logging
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mfsn.base import files
from mfsn.config import sha256_of
from mfsn.errors import CacheError, WorkspaceError
from mfsn.store import layout as layouts
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM, explaining
from mfsn.workspace import checkout_of, find_workspace

if TYPE_CHECKING:
    import pandas as pd

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
    host: str = ""
    """The machine that registered it; empty in notes of older versions."""
    mount: str = ""
    """Where the file system of the checkout is mounted there."""

    @property
    def note(self) -> str:
        """File name of its note; the place of the mount is no part of who it is."""
        who = [self.checkout, self.digest, self.store, self.host]
        return f"{sha256_of(who)[:16]}.json"

    @property
    def presence(self) -> Literal["there", "gone", "unreachable"]:
        """Whether the checkout is there.

        It is gone only if this machine registered it and its file system is mounted still: a
        folder that is out of reach, or that another machine or container sees, is unreachable.
        """
        try:
            Path(self.checkout).stat()
        except FileNotFoundError:
            known = self.host == platform.node() and os.path.ismount(self.mount)
            return "gone" if known else "unreachable"
        except OSError:  # not allowed, or the network's folder does not answer
            return "unreachable"
        return "there"

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
        return rows_named(self.path, self.extractor, store_root)


def forgotten(store_root: Path) -> Path:
    """Where digests stay that DVC forgot although branches or tags may name them, by their md5.

    So garbage collection still knows which rows they name, and need not spare all that could be
    theirs.

    Args:
        store_root: root of the feature cache.
    """
    return store_root / "owners" / "forgotten"


def rows_named(path: Path, extractor: str, store_root: Path) -> tuple[str, set[str]]:
    """The rows that a digest names, or for waves a segment table.

    Args:
        path: the file, in a workspace or in DVC's cache.
        extractor: whose it is.
        store_root: root of the feature cache.

    Returns:
        The directory below the root, and the row keys. Waves that no directory can hold are named
        with the extractor alone.

    Raises:
        CacheError: if the digest or the description of a directory cannot be read.
        ManifestError: if the segment table cannot be read.
    """
    if extractor == WAVEFORM:
        from mfsn.manifest import SEGMENTS, read_table  # pandas: `cache ls` does without

        table = read_table(path, SEGMENTS)
        return _directory_of(table, store_root, extractor), set(table["row_key"])
    digest = Digest.read(path)
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
    place = checkout.resolve()
    owner = Owner(str(place), digest.as_posix(), store, platform.node(), _mount_of(place))
    note = store_root / "owners" / owner.note
    with explaining(store_root):
        try:
            os.utime(note)
        except (FileNotFoundError, PermissionError):  # another user's note can be replaced
            files.write_json(note, asdict(owner))


def note_use(store_root: Path, digest: Path, store: str) -> None:
    """Note that rows are read, so that a size budget evicts others first.

    It registers the owner too: DVC may have restored the digest without running its stage. A
    digest outside a checkout, or a store that cannot be written, leaves no note.

    Args:
        store_root: root of the feature cache.
        digest: the digest.
        store: the directory below the store root that it names.
    """
    with contextlib.suppress(WorkspaceError, OSError, CacheError):
        workspace = find_workspace(digest.parent)
        # DVC may link the digest to its cache: its folder lies in the workspace, its content not.
        relative = digest.parent.resolve().relative_to(workspace) / digest.name
        register_owner(store_root, checkout_of(workspace), relative, store)


def _mount_of(path: Path) -> str:
    return str(next(folder for folder in (path, *path.parents) if os.path.ismount(folder)))


def forget(store_root: Path, checkout: str) -> int:
    """Remove all notes of a checkout; returns how many there were.

    Raises:
        CacheError: if a note cannot be removed.
    """
    found = [path for path, owner, _ in _notes(store_root) if owner.checkout == checkout]
    with explaining(store_root):
        for path in found:
            path.unlink(missing_ok=True)
    return len(found)


def last_use(store_root: Path) -> dict[tuple[str, str, str], float]:
    """When the rows of each (checkout, digest, store directory) were last extracted or read.

    Returns:
        Seconds since the epoch.
    """
    times: dict[tuple[str, str, str], float] = {}
    for _, owner, used in _notes(store_root):
        who = (owner.checkout, owner.digest, owner.store)
        times[who] = max(times.get(who, 0.0), used)
    return times


def owners(store_root: Path) -> Iterator[Owner]:
    """All notes; those that cannot be read are named in the log and passed over."""
    for _, owner, _ in _notes(store_root):
        yield owner


def _notes(store_root: Path) -> Iterator[tuple[Path, Owner, float]]:
    """Each note that is there, what it says, and its time."""
    with explaining(store_root):
        for note, status in files.stats(sorted((store_root / "owners").glob("*.json"))):
            try:
                yield note, _parse(files.read_json(note)), status.st_mtime
            except FileNotFoundError:  # forgotten at this moment
                continue
            except (ValueError, TypeError):
                log.warning(
                    "%s cannot be read; the next `dvc repro` of its checkout mends it", note
                )


def _parse(values: Any) -> Owner:
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise TypeError("a note holds texts by name")
    return Owner(**values)


def _directory_of(segments: pd.DataFrame, store_root: Path, extractor: str) -> str:
    """The directory whose identity the row keys were made from; the table does not say it."""
    first = segments[["audio_sha256", "start_sample", "row_key"]].head(1)
    for sha, start, key in first.itertuples(index=False):
        return _directory_with(sha, int(start), key, store_root, extractor)
    return extractor


def _directory_with(sha: str, start: int, key: str, store_root: Path, extractor: str) -> str:
    for path in layouts.directories(store_root, extractor):
        layout = layouts.load(path)
        if layout and layout.spec.row_key(sha, start) == key:
            return layout.spec.directory
    return extractor
