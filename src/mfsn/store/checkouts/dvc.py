"""Where DVC keeps digests: in the workspace, and by their md5 in its cache, as dvc.lock says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from mfsn.errors import CacheError
from mfsn.store.messages import WAVEFORM
from mfsn.workspace import names_rows

_PATTERNS = ("data/prepared/*/features/*.json", "data/prepared/*/segments.parquet")


@dataclass(frozen=True)
class Output:
    """An output of a stage, such as a digest, as dvc.lock names it."""

    path: str
    """Relative to the workspace."""
    md5: str
    """Its address in DVC's cache."""

    @property
    def extractor(self) -> str:
        """The extractor whose rows it names, if it is a digest or a segment table."""
        return extractor_named_by(self.path)


def extractor_named_by(digest: str) -> str:
    """The extractor whose rows a digest names, by its path; `waveform` for a segment table."""
    path = PurePosixPath(digest)
    return path.stem if path.suffix == ".json" else WAVEFORM


def digests_of(workspace: Path) -> list[Path]:
    """The digests and segment tables of all corpora in a workspace, those that name rows."""
    found = (path for pattern in _PATTERNS for path in workspace.glob(pattern))
    return sorted(path for path in found if names_rows(path))


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


def outputs_in(lock: bytes) -> list[Output]:
    """The digests and segment tables that a dvc.lock names; see `all_outputs_in`."""
    found = all_outputs_in(lock)
    return [out for out in found if any(PurePosixPath(out.path).match(p) for p in _PATTERNS)]


def all_outputs_in(lock: bytes) -> list[Output]:
    """The outputs that a dvc.lock names; the md5 of a folder ends in `.dir`.

    Args:
        lock: the bytes of the file; empty where there is none.

    Raises:
        CacheError: if it is not a file that DVC wrote.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        values = yaml.load(lock, Loader=loader) or {}  # noqa: S506 - both loaders are safe
        stages = (values.get("stages") or {}).values()
        return [output for stage in stages for output in _outputs(stage)]
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise CacheError("this dvc.lock is not one that DVC wrote") from error


def md5_of(path: Path) -> str:
    """The name of a file's content in DVC's cache."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _outputs(stage: Mapping[str, Any]) -> list[Output]:
    return [Output(out["path"], out["md5"]) for out in stage.get("outs") or () if "md5" in out]
