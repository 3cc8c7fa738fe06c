"""Is everything here that a run needs: Python, torch, device, git, DVC, programs of extras."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from mfsn import runtime
from mfsn.base.quantities import counted
from mfsn.errors import ConfigError
from mfsn.params import Params
from mfsn.store.gc.dvc import cache_folder
from mfsn.store.gc.git_history import has_history


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    is_good: bool = True
    """Whether a run can go on with it."""
    is_odd: bool = False
    """Whether it is not as it was meant, though no run minds."""

    @property
    def mark(self) -> str:
        """What stands before it: ok, NO, or ?? where it is odd."""
        if not self.is_good:
            return "NO"
        return "??" if self.is_odd else "ok"


def check_environment(params: Params, workspace: Path) -> Iterator[Finding]:
    """Look at what a run of these parameters needs beside the corpus and the store."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "dvc"))
    yield Finding("libraries", f"Python {platform.python_version()}, {libraries}")
    yield _device()
    yield _git()
    yield from _repositories(workspace)
    yield _dvc_cache(workspace)
    yield from _extras(params)


def free_bytes(folder: Path) -> int:
    """Free space where a folder is, or will be made."""
    return shutil.disk_usage(_nearest(folder)).free


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the one that it will be made in."""
    return os.access(_nearest(folder), os.W_OK | os.X_OK)


def _nearest(folder: Path) -> Path:
    place = folder.expanduser().absolute()
    return next(there for there in (place, *place.parents) if there.is_dir())


def _device() -> Finding:
    try:
        device = runtime.device()
        at_once = (
            f"{counted(runtime.threads(), 'thread')}, {counted(runtime.jobs(), 'fit')} at once"
        )
    except ConfigError as error:
        return Finding("device", str(error), is_good=False)
    if device == "cpu":
        return Finding("device", f"cpu, {at_once}")
    import torch

    return Finding("device", f"{device}: {torch.cuda.get_device_name(device)}, {at_once}")


def _git() -> Finding:
    path = shutil.which("git")
    return Finding("git", path or "not installed; DVC needs it", is_good=path is not None)


def _repositories(workspace: Path) -> Iterator[Finding]:
    """DVC refuses to run without the one or the other; `dvc exp` needs a commit, too."""
    if not has_history(workspace):
        advice = "`git init`, then commit what is there"
        found = f"{workspace} is no git repository, and DVC needs one; {advice}"
        yield Finding("git repository", found, is_good=False)
    if not (workspace / ".dvc").is_dir():
        found = f"{workspace} lacks .dvc; `dvc init` makes it"
        yield Finding("DVC repository", found, is_good=False)


def _dvc_cache(workspace: Path) -> Finding:
    folder = cache_folder(workspace)
    if is_writable(folder):
        return Finding("DVC's cache", str(folder))
    return Finding("DVC's cache", f"{folder} cannot be written by this user", is_good=False)


def _extras(params: Params) -> Iterator[Finding]:
    sets = ", ".join(name for name in params.functionals.sets if name != "mfcc")
    if sets:
        yield _extra("opensmile", "opensmile", f"functionals.set {sets}")
    if any(corpus.reader == "demo" for corpus in params.corpus.members):
        yield _extra("espeakng_loader", "demo", "the demo's speech")


def _extra(module: str, extra: str, purpose: str) -> Finding:
    if importlib.util.find_spec(module) is not None:
        return Finding(f"extra {extra}", f"installed, for {purpose}")
    advice = f"`pip install 'mfsn[{extra}]'` brings {module}, which {purpose} needs"
    return Finding(f"extra {extra}", advice, is_good=False)
