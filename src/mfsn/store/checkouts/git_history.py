"""What git's refs hold: dvc.lock of branches, tags and the last stash, and DVC's experiments.

They are read with git's own commands, which change nothing. DVC keeps every finished experiment as
a ref under refs/exps. Of the stashes only the newest one is a ref; the others are not looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mfsn.errors import CacheError

_EXPERIMENT = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)")


@dataclass(frozen=True)
class Experiment:
    """A finished experiment of DVC."""

    name: str
    commit: str
    """What it was: a commit that DVC made."""
    base: str
    """The commit of the user from which it started."""
    finished: str
    """When it was finished, as `2026-12-01T12:53:50+00:00`."""


def has_history(checkout: Path) -> bool:
    """Whether a checkout lies in a git repository."""
    return any((folder / ".git").exists() for folder in (checkout, *checkout.parents))


def locks(checkout: Path) -> dict[bytes, list[str]]:
    """The content of every dvc.lock that a ref holds, with the names of the refs.

    Args:
        checkout: the checkout; it may lie below the top of its repository. Without git there are
            none.

    Raises:
        CacheError: if git is not installed, or refuses to read the repository.
    """
    if not has_history(checkout):
        return {}
    listed = _git(checkout, "for-each-ref", "--format=%(objectname) %(refname)")
    refs = [tuple(line.split(b" ", 1)) for line in listed.splitlines()]
    found: dict[bytes, list[str]] = defaultdict(list)
    objects = [sha.decode() for sha, _ in refs]
    for (_, ref), lock in zip(refs, _locks_of(checkout, objects), strict=True):
        if lock is not None:
            found[lock].append(ref.decode(errors="backslashreplace"))  # git takes any bytes
    return dict(found)


def experiments(checkout: Path) -> list[Experiment]:
    """The finished experiments of DVC, from all commits, the oldest first.

    Raises:
        CacheError: as `locks`.
    """
    if not has_history(checkout):
        return []
    fields = "--format=%(objectname) %(committerdate:iso-strict) %(refname)"
    listed = _git(checkout, "for-each-ref", "--sort=committerdate", fields, "refs/exps")
    found = []
    for line in listed.decode(errors="backslashreplace").splitlines():
        commit, finished, ref = line.split(" ", 2)
        parts = _EXPERIMENT.fullmatch(ref)  # other refs are DVC's notes on what is under way
        if parts:
            found.append(Experiment(parts[3], commit, parts[1] + parts[2], finished))
    return found


def lock_at_head(checkout: Path) -> bytes:
    """The dvc.lock of the commit that is checked out; empty where there is none.

    Raises:
        CacheError: as `locks`.
    """
    return (_locks_of(checkout, ["HEAD"])[0] or b"") if has_history(checkout) else b""


def _locks_of(checkout: Path, commits: Sequence[str]) -> list[bytes | None]:
    return files_at(checkout, commits, "dvc.lock")


def files_at(checkout: Path, commits: Sequence[str], name: str) -> list[bytes | None]:
    """The content of a file of the checkout in each commit or tag; None where it has none.

    Args:
        checkout: a checkout that has a history.
        commits: their hashes or names.
        name: the file, relative to the checkout.

    Raises:
        CacheError: as `locks`.
    """
    folder = _git(checkout, "rev-parse", "--show-prefix").decode().strip()
    asked = "".join(f"{commit}:{folder}{name}\n" for commit in commits)
    answer = _git(checkout, "cat-file", "--batch", given=asked.encode())
    found: list[bytes | None] = []
    for _ in commits:
        header, _, answer = answer.partition(b"\n")
        if header.endswith(b" missing"):
            found.append(None)
            continue
        size = int(header.rsplit(b" ", 1)[1])
        found.append(answer[:size])
        answer = answer[size + 1 :]
    return found


def _git(checkout: Path, *arguments: str, given: bytes = b"") -> bytes:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, check=True, env=environment
        )
    except FileNotFoundError:
        raise CacheError(f"{checkout}: its history cannot be read: git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise CacheError(f"{checkout}: its history cannot be read: {said}") from None
    return done.stdout
