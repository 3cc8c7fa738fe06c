"""What can go wrong with a store, said in one sentence that names the way out."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from mfsn.base.files import explain_full_disk
from mfsn.errors import CacheError, MfsnError
from mfsn.workspace import remote_address

WAVEFORM = "waveform"
"""The extractor name under which the segment stage keeps waves."""

REPAIR = "`mfsn cache verify --repair`"
"""The command that replaces damaged rows."""

_READ_ONLY = {errno.EACCES, errno.EPERM, errno.EROFS}


def refill(extractor: str) -> str:
    """The command that computes an extractor's missing rows although its digest is up to date."""
    stage = "segment" if extractor == WAVEFORM else f"extract@{extractor}"
    return f"`dvc repro --force --single-item {stage}`"


def fill(extractor: str) -> str:
    """How an extractor's missing rows come back: copied where they are shared, or computed."""
    computed = f"{refill(extractor)} computes them"
    address, pull = remote_address(), "mfsn cache pull"
    if extractor == WAVEFORM:
        pull += " --waves"
    return f"`{pull}` copies them from {address}, or {computed}" if address else computed


def lost(extractor: str, damage: str | None) -> str:
    """Why rows of an extractor are not there, in brackets, and how they come back.

    Args:
        extractor: whose rows they are.
        damage: what is wrong with their shard or its commit marker; None if they just are not
            there.
    """
    if damage:
        return f"(damaged: {damage}); {REPAIR} computes them again"
    return f"(deleted, or the store lies elsewhere: MFSN_STORE); {fill(extractor)}"


@contextlib.contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn what the operating system says about `path` into one clear sentence.

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
    """What to say of a folder that cannot be reached, such as that of a share that went away.

    Args:
        path: the folder.
        said: what the operating system says about it.
    """
    return CacheError(
        f"{path}: the store cannot be reached ({said}); bring the folder back, or move the store "
        "with MFSN_STORE, and run the same command again"
    )
