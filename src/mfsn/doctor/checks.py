"""Check that everything a run needs is here: Python, torch, device, git, DVC, extras."""

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
from mfsn.corpora.base import MakingReader, get_reader
from mfsn.errors import ConfigError, MfsnError, ModelLoadError
from mfsn.params import Params
from mfsn.store.checkouts.dvc import cache_folder
from mfsn.store.checkouts.git_history import has_history


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    what: str
    found: str
    is_good: bool = True
    """Whether a run can succeed with it."""
    is_odd: bool = False
    """Whether it is probably a mistake, although a run can succeed with it."""

    @property
    def mark(self) -> str:
        """The mark in the listing: ok, NO, or ?? if it is odd."""
        if not self.is_good:
            return "NO"
        return "??" if self.is_odd else "ok"


def check_environment(params: Params, workspace: Path, *, quick: bool) -> Iterator[Finding]:
    """Check what a run with these parameters needs apart from the corpus and the store.

    Args:
        params: all parameters.
        workspace: the folder with params.yaml.
        quick: leave out the device, which takes torch some seconds to find.
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "dvc"))
    yield Finding("libraries", f"Python {platform.python_version()}, {libraries}")
    if not quick:
        yield _device()
    yield _git()
    yield from _repositories(workspace)
    yield _dvc_cache(workspace)
    yield from _extras(params)


def no_extractor(name: str, params: Params, error: MfsnError) -> Finding:
    """An extractor that cannot be made, and a way without it if that is because of its encoder."""
    advice = ""
    if isinstance(error, ModelLoadError) and params.system != "classical":
        advice = "; or set system: classical, which needs no encoder"
    return Finding(name, f"{error}{advice}", is_good=False)


def free_bytes(folder: Path) -> int:
    """The free space in bytes on the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(_nearest(folder)).free


def is_writable(folder: Path) -> bool:
    """Whether files can be created in a folder, which need not exist yet."""
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
    return Finding("git", path or "not installed; install it, DVC needs it", is_good=bool(path))


def _repositories(workspace: Path) -> Iterator[Finding]:
    """DVC does not run without a git and a DVC repository; `dvc exp` needs a commit, too."""
    if not has_history(workspace):
        advice = "run `git init` and commit all files"
        found = f"{workspace} is not a git repository, which DVC needs; {advice}"
        yield Finding("git repository", found, is_good=False)
    if not (workspace / ".dvc").is_dir():
        found = f"{workspace} has no folder .dvc; run `dvc init`"
        yield Finding("DVC repository", found, is_good=False)


def _dvc_cache(workspace: Path) -> Finding:
    folder = cache_folder(workspace)
    if is_writable(folder):
        return Finding("DVC's cache", str(folder))
    found = f"this user may not write to {folder}; change its permissions"
    return Finding("DVC's cache", found, is_good=False)


def _extras(params: Params) -> Iterator[Finding]:
    sets = ", ".join(name for name in params.functionals.sets if name != "mfcc")
    if sets:
        yield _extra("opensmile", "opensmile", f"functionals.set {sets}")
    for corpus in params.corpus.members:
        reader = get_reader(corpus.reader)
        if isinstance(reader, MakingReader):
            yield _extra(*reader.extra, f"making the corpus {corpus.name}")


def _extra(module: str, extra: str, purpose: str) -> Finding:
    if importlib.util.find_spec(module) is not None:
        return Finding(f"extra {extra}", f"installed, for {purpose}")
    advice = f"{purpose} needs {module}; run `pip install 'mfsn[{extra}]'`"
    return Finding(f"extra {extra}", advice, is_good=False)
