"""One writer per store directory: an exclusive lock that ends with its process."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mfsn.errors import ConfigError, StoreBusyError
from mfsn.store.messages import explaining

WAIT_VARIABLE = "MFSN_WAIT"

_EXPERIMENT_WAIT_S = 24 * 3600.0
_POLL_S = 0.1
_LOOK_S = 0.3
"""Longer than `is_held` has the lock."""

log = logging.getLogger(__name__)


@contextlib.contextmanager
def exclusive(directory: Path, waits: bool = True) -> Iterator[None]:
    """Be the only writer of a store directory while the body runs.

    Args:
        directory: the store directory.
        waits: whether to wait `wait_s()` seconds for another writer.

    Raises:
        StoreBusyError: if another process still holds the lock then.
        CacheError: if the lock file cannot be made.
        ConfigError: as `wait_s`.
    """
    patience_s = wait_s() if waits else 0.0
    descriptor = _open(directory)
    try:
        _acquire(descriptor, directory, patience_s)
        while not _lies_there(descriptor, directory):
            os.close(descriptor)
            descriptor = _open(directory)
            _acquire(descriptor, directory, patience_s)
        yield
    finally:
        os.close(descriptor)


def is_held(directory: Path) -> bool:
    """Whether a process is writing to a store directory at this moment.

    This takes a shared lock for a moment. A writer that starts at that moment waits for it.
    """
    try:
        descriptor = os.open(directory / ".lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _try(descriptor, directory, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def wait_s() -> float:
    """How long to wait for another writer: `$MFSN_WAIT`, else a day in DVC's queue, else 0.

    Experiments that are queued together extract the same rows. The first one computes them, and the
    others wait and then find them.

    Raises:
        ConfigError: if the variable is not a number of seconds.
    """
    text = os.environ.get(WAIT_VARIABLE)
    if text is None:
        return _EXPERIMENT_WAIT_S if _is_queued_experiment() else 0.0
    if not text.replace(".", "", 1).isdecimal():
        raise ConfigError(f"{WAIT_VARIABLE}={text}: it takes a number of seconds from 0")
    return float(text)


def _is_queued_experiment() -> bool:
    return "/.dvc/tmp/exps/" in Path.cwd().resolve().as_posix() + "/"


def _open(directory: Path) -> int:
    with explaining(directory):
        directory.mkdir(parents=True, exist_ok=True)
        return os.open(directory / ".lock", os.O_RDWR | os.O_CREAT, 0o666)


def _lies_there(descriptor: int, directory: Path) -> bool:
    """Whether it is still the lock: garbage collection removes empty directories with the lock."""
    try:
        return os.path.samestat(os.fstat(descriptor), (directory / ".lock").stat())
    except FileNotFoundError:
        return False


def _acquire(descriptor: int, directory: Path, patience_s: float) -> None:
    deadline = time.monotonic() + max(patience_s, _LOOK_S)
    if _try(descriptor, directory):
        return
    if patience_s:
        log.info("%s: another process is writing to the store; waiting for it", directory)
    while time.monotonic() < deadline:
        time.sleep(_POLL_S)
        if _try(descriptor, directory):
            return
    raise StoreBusyError(
        f"{directory}: another process is writing to the store; run the same command again when "
        f"it has finished, or set {WAIT_VARIABLE} to the seconds to wait for it"
    )


def _try(descriptor: int, directory: Path, kind: int = fcntl.LOCK_EX) -> bool:
    with explaining(directory), contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return True
    return False
