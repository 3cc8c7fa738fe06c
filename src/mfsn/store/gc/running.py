"""Who is at work: stages that DVC runs in a workspace, and experiments in temporary folders.

A killed experiment leaves its folder. It counts as running while a process of this machine stands
in it, and, since other machines and containers cannot be seen, while something in it is young.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mfsn.base import files


@dataclass(frozen=True)
class Job:
    """The temporary folder of an experiment, running or left by a killed one."""

    workspace: Path
    process: int | None
    """A process of this machine that works there."""
    touched: float
    """When something in it was last written, in seconds since the epoch."""

    def is_spared(self, before: float) -> bool:
        """Whether its rows are needed: somebody works there, or did since a moment."""
        return self.process is not None or self.touched >= before

    def remark(self, before: float) -> str:
        """A sentence about it."""
        if self.process is not None:
            return f"{self.workspace}: an experiment runs there (process {self.process}): spared"
        left = f"{self.workspace} was left by an experiment that no process of this machine runs"
        if self.is_spared(before):
            return f"{left}: spared until it is older than --grace; if it is dead, remove it"
        return f"{left}, and is older than --grace: it owns nothing any more; remove it"


def jobs(checkout: Path) -> list[Job]:
    """The experiments in temporary folders of a checkout, sorted by folder."""
    temporary = checkout / ".dvc" / "tmp" / "exps"
    found = sorted(p.parent for depth in ("*", "*/*") for p in temporary.glob(f"{depth}/dvc.yaml"))
    working = _working_folders() if found else {}
    return [Job(folder, _process_in(folder, working), _touched(folder)) for folder in found]


def running_stage(workspace: Path) -> int | None:
    """The process of this machine for which DVC holds files of a workspace; None for none.

    It is the one that runs a stage, by DVC's own list of files that are read and written.
    """
    try:
        held = files.read_json(workspace / ".dvc" / "tmp" / "rwlock")
        return next((pid for pid in sorted(_pids(held)) if _is_alive(pid)), None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # none, or no such list
        return None


def sections_asked(workspace: Path) -> dict[str, Mapping[str, Any]] | None:
    """The sections of params.yaml of a workspace, if it has one; None where it cannot be read."""
    try:
        values = yaml.safe_load((workspace / "params.yaml").read_text(encoding="utf-8"))
        return {name: each for name, each in values.items() if isinstance(each, Mapping)}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError):  # edited at this moment
        return None


def _pids(held: Any) -> set[int]:
    readers = [reader for each in held.get("read", {}).values() for reader in each]
    return {int(holder["pid"]) for holder in (*readers, *held.get("write", {}).values())}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _working_folders() -> dict[int, Path]:
    """Process to the folder it stands in, of those that this user may look at."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended, or another user's
            found[int(process.name)] = (process / "cwd").readlink()
    return found


def _process_in(folder: Path, working: dict[int, Path]) -> int | None:
    place = folder.resolve()
    inside = [pid for pid, where in working.items() if where.is_relative_to(place)]
    return min(inside, default=running_stage(folder))


def _touched(folder: Path) -> float:
    return max((status.st_mtime for _, status in files.stats(files.below(folder))), default=0.0)
