"""Writing stage outputs: folders that are whole or absent, and how many units run at once."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from mfsn import runtime
from mfsn.files import explain_full_disk
from mfsn.training.experiment import Experiment


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`; on success it takes its place.

    Raises:
        StorageFullError: if the disk is full; nothing half-written is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with explain_full_disk(path):
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_files(source: Path, target: Path, leave: Collection[str] = ()) -> None:
    """Copy the visible files of a folder into a new one, but for those to `leave`."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name not in leave and not path.name.startswith("."):
            shutil.copyfile(path, target / path.name)


def default_jobs(experiment: Experiment, units: int) -> int:
    """How many units run at once when nobody says.

    One on a GPU. Else `mfsn.runtime.jobs`, but no more than there are units, nor than half of the
    memory can hold the rows of, since every worker holds them all.
    """
    if units <= 1 or runtime.device() != "cpu":
        return 1
    fitting = _memory_bytes() // 2 // max(_bytes_of_rows(experiment), 1)
    return max(1, min(runtime.jobs(), units, fitting))


def _bytes_of_rows(experiment: Experiment) -> int:
    return sum(
        len(digest.rows) * math.prod(array.shape) * np.dtype(array.dtype).itemsize
        for digest in experiment.digests.values()
        for array in digest.arrays
    )


def _memory_bytes() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
