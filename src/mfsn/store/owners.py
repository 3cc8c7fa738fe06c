"""Which checkouts use a store: a note for each digest of each of them.

Notes lie in `<root>/owners/`, one small file per digest and store directory. So checkouts that
register at the same time do not disturb each other, and a parameter that is changed and changed
back leaves both notes; the time of a note says when the digest last named that directory. They
describe this machine and are never an output of a stage.

A note says where a digest lies, not which rows it names: DVC restores digests of earlier runs
without running the stage, so that the digest must be read for that.
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
from mfsn.store.checkouts.missed import clear_missed
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM, explaining
from mfsn.workspace import checkout_of, find_workspace, names_rows

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
    """The machine that registered it; empty in notes of older versions of mfsn."""
    mount: str = ""
    """Where the file system of the checkout is mounted on that machine."""

    @property
    def note(self) -> str:
        """File name of its note; it does not depend on `mount`."""
        who = [self.checkout, self.digest, self.store, self.host]
        return f"{sha256_of(who)[:16]}.json"

    @property
    def presence(self) -> Literal["there", "gone", "unreachable"]:
        """Whether the checkout is there.

        It is gone only if this machine registered it and its file system is still mounted. A
        folder that another machine or container registered may exist there: it is unreachable.
        """
        try:
            Path(self.checkout).stat()
        except FileNotFoundError:
            known = self.host == platform.node() and os.path.ismount(self.mount)
            return "gone" if known else "unreachable"
        except OSError:  # not allowed, or a network folder that does not answer
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
        """The rows that the digest names now; they may lie in another directory than `store`.

        Args:
            store_root: root of the feature cache.

        Returns:
            As `rows_named`; no keys where there is no digest.

        Raises:
            CacheError: if the digest or the description of a directory cannot be read.
            ManifestError: if the segment table cannot be read.
        """
        if not self.path.is_file():
            return self.store, set()
        return rows_named(self.path, self.extractor, store_root)


def rows_named(path: Path, extractor: str, store_root: Path) -> tuple[str, set[str]]:
    """The rows that a digest names (of waves the segment table).

    Args:
        path: the file, in a workspace or in DVC's cache; it may say that nothing was extracted.
        extractor: the extractor of the rows.
        store_root: root of the feature cache.

    Returns:
        The directory below the root, and the row keys. The directory is the name of the extractor
        alone for waves whose directory is not in the store.

    Raises:
        CacheError: if the digest or the description of a directory cannot be read.
        ManifestError: if the segment table cannot be read.
        OSError: if there is no such file.
    """
    if path.is_file() and not names_rows(path):
        return extractor, set()
    if extractor == WAVEFORM:
        from mfsn.manifest import SEGMENTS, read_table  # pandas: `cache ls` does without

        table = read_table(path, SEGMENTS)
        return _directory_of(table, store_root, extractor), set(table["row_key"])
    digest = Digest.read(path)
    return digest.store, set(digest.keys)


def register_owner(store_root: Path, checkout: Path, digest: Path, store: str) -> None:
    """Note that rows of a store directory were made for a digest of a checkout, and are there.

    Notes of readers that missed rows of this extractor are removed.

    Args:
        store_root: root of the feature cache.
        checkout: the main checkout.
        digest: the digest relative to its workspace.
        store: the directory below the store root.

    Raises:
        CacheError: if the note cannot be written.
    """
    with explaining(store_root):
        _register(store_root, checkout, digest, store)
        clear_missed(store_root, store.partition("/")[0])


def note_use(store_root: Path, digest: Path, store: str) -> None:
    """Register the owner of a digest that is read: DVC may have restored it without its stage.

    A digest outside a checkout, or a store that cannot be written, leaves no note.

    Args:
        store_root: root of the feature cache.
        digest: the digest.
        store: the directory below the store root that it names.
    """
    with contextlib.suppress(WorkspaceError, OSError, CacheError):
        workspace = find_workspace(digest.parent)
        # DVC may link the digest to its cache: its folder lies in the workspace, its content not.
        relative = digest.parent.resolve().relative_to(workspace) / digest.name
        _register(store_root, checkout_of(workspace), relative, store)


def _register(store_root: Path, checkout: Path, digest: Path, store: str) -> None:
    place = checkout.resolve()
    owner = Owner(str(place), digest.as_posix(), store, platform.node(), _mount_of(place))
    note = store_root / "owners" / owner.note
    with contextlib.suppress(OSError, ValueError):
        if files.read_json(note) == asdict(owner):
            with contextlib.suppress(PermissionError):  # another user's
                note.touch()
            return
    files.write_json(note, asdict(owner))


def _mount_of(path: Path) -> str:
    return str(next(folder for folder in (path, *path.parents) if os.path.ismount(folder)))


def forget(store_root: Path, checkout: str) -> int:
    """Remove all notes of a checkout; returns how many there were.

    Raises:
        CacheError: if a note cannot be removed.
    """
    found = [path for path, owner in _notes(store_root) if owner.checkout == checkout]
    with explaining(store_root):
        for path in found:
            path.unlink(missing_ok=True)
    return len(found)


def owners(store_root: Path) -> Iterator[Owner]:
    """All notes, in the order in which they were last registered.

    The log names those that cannot be read, and they are left out.
    """
    for _, owner in _notes(store_root):
        yield owner


def _notes(store_root: Path) -> Iterator[tuple[Path, Owner]]:
    """Each note that is there, and what it says."""
    with explaining(store_root):
        found = files.stats((store_root / "owners").glob("*.json"))
        for note, _ in sorted(found, key=lambda each: (each[1].st_mtime_ns, each[0])):
            try:
                yield note, _parse(files.read_json(note))
            except FileNotFoundError:  # forgotten at this moment
                continue
            except (ValueError, TypeError):
                log.warning(
                    "%s cannot be read; the next `dvc repro` of its checkout writes it again", note
                )


def _parse(values: Any) -> Owner:
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise TypeError("a note holds texts by name")
    return Owner(**values)


def _directory_of(segments: pd.DataFrame, store_root: Path, extractor: str) -> str:
    """The directory whose identity the row keys were made of; the table does not name it."""
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
