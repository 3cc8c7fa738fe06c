"""The dvc.lock files that git's refs hold: of branches, tags, DVC's experiments and the last stash.

They are read with git's own commands, which change nothing. DVC keeps every finished experiment as
a ref under refs/exps. Of the stashes only the newest one is a ref; the others are not looked at.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from mfsn.errors import CacheError


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


def lock_at_head(checkout: Path) -> bytes:
    """The dvc.lock of the commit that is checked out; empty where there is none.

    Raises:
        CacheError: as `locks`.
    """
    return (_locks_of(checkout, ["HEAD"])[0] or b"") if has_history(checkout) else b""


def _locks_of(checkout: Path, commits: Sequence[str]) -> list[bytes | None]:
    """The dvc.lock of each commit or tag; None where it has none."""
    folder = _git(checkout, "rev-parse", "--show-prefix").decode().strip()
    asked = "".join(f"{commit}:{folder}dvc.lock\n" for commit in commits)
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
