"""Checking what is kept beside rows: fits, random checkpoints and notes of the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mfsn.base.files import read_json
from mfsn.base.sealed import is_sealed, is_whole, read_sealed_json
from mfsn.errors import CacheError
from mfsn.store.lock import exclusive
from mfsn.store.messages import explaining
from mfsn.store.upkeep.verify import Problem

_NOTES = ("scan/*.json", "*/*/.checked/*.json")


def check_kept(store_root: Path, repair: bool) -> Iterator[Problem]:
    """Compare with their checksums the files of the store that are no rows.

    What an older version wrote without a checksum is left out: it is compared or written again when
    it is needed.

    Args:
        store_root: root of the feature cache.
        repair: remove what is damaged; whoever needs it makes it again.

    Raises:
        CacheError: if a file cannot be read, or removed.
    """
    with explaining(store_root):
        for path, what, again in _damaged(store_root):
            where = path.relative_to(store_root).as_posix()
            if not repair:
                remedy = f"`mfsn cache verify --repair` removes it, and {again}"
                yield Problem(where, what, remedy)
                continue
            try:
                _remove(path)
            except CacheError as error:
                yield Problem(where, what, str(error))
            else:
                yield Problem(where, what, f"removed; {again}", is_repaired=True)


def _damaged(root: Path) -> Iterator[tuple[Path, str, str]]:
    """What is damaged: its path, what is wrong, and how it comes back."""
    stage = "the stage that needs it fits it again"
    for folder in _folders(root, "runs/*/*"):
        if is_sealed(folder) and not is_whole(folder):
            yield folder, "the results of a fit are not as they were written", stage
    for folder in _folders(root, "runs/*/*/work/*"):
        if _has_damaged_state(folder):
            yield folder, "the state of an unfinished fit is not as it was written", stage
    for folder in _folders(root, "checkpoints/[!.]*"):
        if is_sealed(folder) and not is_whole(folder):
            written = "it is written again when it is used"
            yield folder, "a random checkpoint is not as it was written", written
    for note in sorted(path for pattern in _NOTES for path in root.glob(pattern)):
        if _is_damaged(note):
            yield note, "a note is not as it was written", "`dvc repro` writes it again"


def _folders(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_dir())


def _has_damaged_state(folder: Path) -> bool:
    from mfsn.runs.checkpoint import STATE, state_is_whole  # torch: most stores have no state

    return (folder / STATE).is_file() and not state_is_whole(folder)


def _is_damaged(note: Path) -> bool:
    try:
        read_sealed_json(note)
    except FileNotFoundError:
        return False
    except ValueError:
        return not _is_older(note)
    return False


def _is_older(note: Path) -> bool:
    """Whether it is a note of an older version, without a checksum."""
    try:
        content = read_json(note)
    except ValueError:
        return False
    return isinstance(content, dict) and not {"sha256", "values"} & content.keys()


def _remove(path: Path) -> None:
    remove: Callable[[], object] = partial(path.unlink, missing_ok=True)
    if path.is_dir():
        remove = partial(shutil.rmtree, path)
    unit = next((each for each in (path, *path.parents) if each.parent.parent.name == "runs"), None)
    if unit is None:
        remove()
        return
    with exclusive(unit, waits=False):
        remove()
