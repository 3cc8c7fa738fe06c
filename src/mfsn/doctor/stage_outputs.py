"""Checking the outputs of stages, and their copies in DVC's cache, against dvc.lock."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mfsn.base.files import read_json
from mfsn.store.checkouts.dvc import Output, all_outputs_in, cache_folder, content, md5_of
from mfsn.store.upkeep.verify import Problem
from mfsn.workspace import checkout_of


def check_outputs(workspace: Path, repair: bool) -> Iterator[Problem]:
    """Compare the files of a workspace, and DVC's copies of them, with the hashes in dvc.lock.

    A file with other content is damaged unless DVC's cache has this content under its own name.
    Then it belongs to another version of params.yaml or of the code.

    Args:
        workspace: a checkout.
        repair: delete what is damaged; `dvc repro` then restores or computes it.

    Raises:
        CacheError: if dvc.lock is not one that DVC wrote.
        OSError: if a file cannot be read or deleted.
    """
    lock = workspace / "dvc.lock"
    if not lock.is_file():
        return
    cache = cache_folder(checkout_of(workspace))
    copies = set[Path]()
    for output in all_outputs_in(lock.read_bytes()):
        for each in _files(output, cache):
            file, copy = workspace / each.path, content(cache, each.md5)
            if file.is_file() and (found := md5_of(file)) != each.md5:
                other = content(cache, found)
                if not (other.is_file() and md5_of(other) == found):
                    yield _problem(file, each.path, "it is not as its stage wrote it", repair)
            if copy.is_file() and copy not in copies and _differs(copy, each.md5):
                name = f"{each.path} in DVC's cache ({each.md5})"
                yield _problem(copy, name, "it is not as it was written", repair)
            copies.add(copy)


def _files(output: Output, cache: Path) -> Iterator[Output]:
    """The files of an output: itself, or what the list of a folder in DVC's cache names."""
    if not output.md5.endswith(".dir"):
        yield output
        return
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for each in read_json(content(cache, output.md5)):
            yield Output(f"{output.path}/{each['relpath']}", each["md5"])
    yield Output(f"{output.path} (its list of files)", output.md5)


def _differs(copy: Path, md5: str) -> bool:
    return md5_of(copy) != md5.removesuffix(".dir")


def _problem(path: Path, name: str, what: str, repair: bool) -> Problem:
    if not repair:
        remedy = "`mfsn cache verify --repair` deletes it, and `dvc repro` brings it back"
        return Problem(name, what, remedy)
    path.unlink(missing_ok=True)
    return Problem(name, what, "deleted; `dvc repro` brings it back", is_repaired=True)
