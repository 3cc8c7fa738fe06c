"""Where DVC keeps the contents of digests: its cache, and the run-cache that brings them back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mfsn.errors import CacheError
from mfsn.store.messages import WAVEFORM
from mfsn.workspace import names_rows

_PATTERNS = ("data/prepared/*/features/*.json", "data/prepared/*/segments.parquet")

_OTHER_LAYOUT = (AttributeError, KeyError, TypeError)

_FOLDERS = (
    "data", "data/prepared", "data/prepared/*", "data/prepared/*/features",
    ".dvc", ".dvc/tmp", ".dvc/tmp/exps",
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    """A digest (for waves a segment table) as dvc.lock or the run-cache names it."""

    path: str
    """Relative to the workspace."""
    md5: str
    """Its address in DVC's cache."""
    params: Mapping[str, Any]
    """The sections of params.yaml that its stage was run with."""

    @property
    def extractor(self) -> str:
        """Whose rows it names."""
        return extractor_named_by(self.path)


@dataclass(frozen=True)
class RunCacheEntry:
    """A file of the run-cache: with these dependencies and parameters, those outputs."""

    file: Path
    outputs: tuple[Output, ...]

    def forget(self) -> None:
        """Remove it: DVC runs the stage next time.

        Raises:
            CacheError: if it cannot be removed.
        """
        try:
            self.file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # DVC stumbles over a folder without an entry
                self.file.parent.rmdir()
        except OSError as error:
            raise CacheError(
                f"DVC's run-cache cannot forget it ({error.strerror}); let its owner run "
                "`mfsn cache gc`"
            ) from error


def extractor_named_by(digest: str) -> str:
    """The extractor whose rows a digest names by its path, or waves for a segment table."""
    path = PurePosixPath(digest)
    return path.stem if path.suffix == ".json" else WAVEFORM


def digests_of(workspace: Path) -> list[Path]:
    """The digests and segment tables that lie in a workspace, those of all its corpora."""
    found = (path for pattern in _PATTERNS for path in workspace.glob(pattern))
    return sorted(path for path in found if names_rows(path))


def is_readable(workspace: Path) -> bool:
    """Whether this user may see all digests, and the workspaces of experiments."""
    found = (folder for pattern in _FOLDERS for folder in workspace.glob(pattern))
    return all(os.access(folder, os.R_OK | os.X_OK) for folder in (workspace, *found))


def cache_folder(checkout: Path) -> Path:
    """DVC's cache of a checkout, wherever its configuration puts it."""
    from dvc.config import Config
    from dvc.exceptions import DvcException

    default = checkout / ".dvc" / "cache"
    try:
        moved = Config(str(checkout / ".dvc")).get("cache", {}).get("dir")
    except DvcException:
        return default
    return Path(moved) if moved else default


def content(cache: Path, md5: str) -> Path:
    """Where the cache keeps a file's content."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def outputs_in(lock: Mapping[str, Any]) -> list[Output]:
    """The digests that a dvc.lock names.

    Raises:
        CacheError: if it is not laid out as DVC does.
    """
    try:
        stages = (lock.get("stages") or {}).values()
        return [output for stage in stages for output in outputs_of_stage(stage)]
    except _OTHER_LAYOUT as error:
        raise CacheError("a dvc.lock in the history is not one that DVC wrote; mend it") from error


def outputs_of_stage(stage: Mapping[str, Any]) -> list[Output]:
    """The digests among a stage's outputs, as dvc.lock and the run-cache describe them alike."""
    params = (stage.get("params") or {}).get("params.yaml") or {}
    return [
        Output(out["path"], out["md5"], params)
        for out in stage.get("outs") or ()
        if "md5" in out and any(PurePosixPath(out["path"]).match(p) for p in _PATTERNS)
    ]


def run_cache(cache: Path) -> Iterator[RunCacheEntry]:
    """The entries of the run-cache that bring digests back; unreadable ones are passed over."""
    for file in sorted((cache / "runs").glob("??/*/*")):
        try:
            text = file.read_text(encoding="utf-8")
            if "data/prepared/" not in text.partition("\nouts:")[2]:
                continue
            entry = yaml.safe_load(text)
            outputs = tuple(outputs_of_stage(entry))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, *_OTHER_LAYOUT):
            continue
        if outputs:
            yield RunCacheEntry(file, outputs)
