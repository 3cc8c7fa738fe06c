"""What can go wrong with a store, in sentences that say what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from mfsn.base.files import explain_full_disk
from mfsn.errors import CacheError, MfsnError
from mfsn.workspace import remote_address

WAVEFORM = "waveform"
"""The extractor name under which stage `segment` keeps waves."""

REPAIR = "`mfsn cache verify --repair` removes what is damaged, `dvc repro` then computes it again"
"""How damaged rows are replaced."""

_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}


def fill(extractor: str) -> str:
    """How missing rows of an extractor come back: copied where they are shared, or computed."""
    computed = "`dvc repro` computes them"
    address, pull = remote_address(), "mfsn cache pull"
    if extractor == WAVEFORM:
        pull += " --waves"
    return f"`{pull}` copies them from {address}, or {computed}" if address else computed


def lost(extractor: str, damage: str | None) -> str:
    """Why rows of an extractor are missing, in brackets, and how they come back.

    Args:
        extractor: the extractor of the rows.
        damage: what is wrong with their shard or its commit marker; None if nothing is.
    """
    if damage:
        return f"(damaged: {damage}); {REPAIR}"
    return f"(they were deleted, or MFSN_STORE names another store); {fill(extractor)}"


@contextlib.contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn an error of the operating system about `path` into one clear sentence.

    Raises:
        StorageFullError: if the body runs out of disk space or quota.
        CacheError: if the body may not read or write there, or the folder cannot be reached.
    """
    try:
        with explain_full_disk(path):
            yield
    except MfsnError:
        raise
    except OSError as error:
        said = error.strerror or str(error)
        if error.errno in _READ_ONLY:
            raise CacheError(
                f"{path}: the store cannot be used here ({said}); give this user the right to read "
                "and write, or move the store with MFSN_STORE"
            ) from error
        raise unreachable(path, said) from error


def unreachable(path: Path, said: str) -> CacheError:
    """The error for a folder that cannot be reached, such as one of a share that is not mounted.

    Args:
        path: the folder.
        said: the message of the operating system.
    """
    return CacheError(
        f"{path}: the store cannot be reached ({said}); bring the folder back, or move the store "
        "with MFSN_STORE, and run the same command again"
    )
