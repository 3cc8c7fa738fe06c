"""What a checkout's git history still names: the dvc.lock of every commit that a ref leads to.

Read with git's own plumbing, which changes nothing. Stages that are queued stand in the reflog of
a stash of DVC, not in a ref.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mfsn.errors import CacheError

QUEUE = "refs/exps/celery/stash"
_STASHES = (QUEUE, "refs/exps/celery/failed", "refs/exps/stash", "refs/stash")


@dataclass(frozen=True)
class Commit:
    """A commit that somebody can go back to, or that waits in DVC's queue."""

    sha: str
    names: tuple[str, ...]
    """Refs that lead to it, as git writes them."""
    lock: Mapping[str, Any]
    """Its dvc.lock; empty where it has none."""
    queued: Mapping[str, Any] | None
    """The params.yaml of a queued experiment; None for others."""


def commits(checkout: Path, whole_history: bool = False) -> Iterator[Commit]:
    """All commits that branches, tags, experiments, stashes and worktrees lead to.

    Args:
        checkout: the checkout; without git there are none.
        whole_history: the ancestors of these commits as well.

    Raises:
        CacheError: if git is missing, refuses, or a dvc.lock in the history cannot be read.
    """
    if not has_history(checkout):
        return
    names = _tips(checkout)
    if whole_history and names:
        for sha in _git(checkout, "rev-list", "--stdin", given=names).split():
            names.setdefault(sha, ["history"])
    folder = _folder(checkout)
    wanted = {sha: [f"{sha}:{folder}dvc.lock"] for sha in names}
    for sha in (sha for sha in names if QUEUE in names[sha]):
        wanted[sha].append(f"{sha}:{folder}params.yaml")
    found = _contents(checkout, [name for files in wanted.values() for name in files])
    for sha, files in wanted.items():
        lock, queued = found[files[0]], found[files[1]] if len(files) > 1 else None
        yield Commit(sha, tuple(names[sha]), lock, queued)


def lock_at_head(checkout: Path) -> Mapping[str, Any]:
    """The dvc.lock of the commit that is checked out; empty without one.

    Raises:
        CacheError: if git is missing or refuses, or the file cannot be read.
    """
    if not has_history(checkout):
        return {}
    name = f"HEAD:{_folder(checkout)}dvc.lock"
    lock: Mapping[str, Any] = _contents(checkout, [name])[name]
    return lock


def has_history(checkout: Path) -> bool:
    """Whether a checkout lies in a git repository."""
    return any((folder / ".git").exists() for folder in (checkout, *checkout.parents))


def _folder(checkout: Path) -> str:
    """Where the checkout lies in its git repository, with a slash at the end; empty at the top."""
    return _git(checkout, "rev-parse", "--show-prefix").strip()


def _tips(checkout: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(list)
    listed = _git(checkout, "for-each-ref", "--format=%(objectname) %(*objectname) %(refname)")
    for line in listed.split("\n")[:-1]:
        shas, _, ref = line.rpartition(" ")
        names[shas.split()[-1]].append(_shown(ref))  # of an annotated tag the commit it names
    for line in _git(checkout, "worktree", "list", "--porcelain").split("\n"):
        if line.startswith("HEAD ") and set(line[5:]) != {"0"}:
            names[line[5:]].append("HEAD")
    refs = {ref for found in list(names.values()) for ref in found}
    for stash in refs.intersection(_STASHES):
        for sha in _git(checkout, "reflog", "show", "--format=%H", stash).split():
            if stash not in names[sha]:
                names[sha].append(stash)
    return dict(names)


def _contents(checkout: Path, names: Sequence[str]) -> dict[str, Any]:
    """The parsed YAML of files of commits, each different content parsed once; {} if missing."""
    parsed: dict[str, Any] = {}
    found: dict[str, Any] = {}
    output = _git_bytes(checkout, "cat-file", "--batch", given="\n".join(names))
    position = 0
    for name in names:
        end = output.index(b"\n", position)
        header, position = output[position:end].decode(errors="replace").split(), end + 1
        if header[-1] == "missing":
            found[name] = {}
            continue
        oid, size = header[0], int(header[2])
        if oid not in parsed:
            parsed[oid] = _parse(output[position : position + size], f"{checkout}: {name}")
        found[name] = parsed[oid]
        position += size + 1
    return found


def _parse(content: bytes, where: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = yaml.load(content, Loader=loader)  # noqa: S506 - both loaders are safe
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CacheError(f"{where} is not valid YAML; remove its ref, or mend the file") from error
    return values if isinstance(values, dict) else {}


def _shown(ref: str) -> str:
    """A ref as it can be printed: git takes names that are not UTF-8."""
    return ref.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _git(checkout: Path, *arguments: str, given: Sequence[str] | Mapping[str, Any] = ()) -> str:
    given_lines = "\n".join(given)
    return _git_bytes(checkout, *arguments, given=given_lines).decode(errors="surrogateescape")


def _git_bytes(checkout: Path, *arguments: str, given: str) -> bytes:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(
            command,
            input=given.encode(errors="surrogateescape"),
            capture_output=True,
            check=True,
            env=environment,
        )
    except FileNotFoundError:
        raise CacheError(f"{checkout}: its history cannot be read: git is not installed") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise CacheError(f"{checkout}: its history cannot be read: {said}") from None
    return done.stdout
