"""What an extraction found out, noted so that one with nothing to do need not make its extractor.

To load an encoder and to compute a batch again takes seconds. Both serve to know which rows are
meant, and that this code, with these libraries and on this processor, makes the rows that are
cached (see `mfsn.features.extraction`). A note in the store directory keeps the answer, under a
hash of all that decides it: parameters, the bytes of the checkpoint's files, mfsn's sources,
versions of libraries, processor, device and threads. It counts as long as the directory's commit
markers are those that were there then: rows that came since from elsewhere (`mfsn cache pull`,
another machine on the same store) are compared first. With a note as without one, rows must be
there; whether their bytes are as written, readers and `mfsn cache verify` find out.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn import runtime
from mfsn.base import files
from mfsn.config import Config, sha256_of
from mfsn.errors import MfsnError
from mfsn.features.base import Extractor
from mfsn.features.extraction.environment import code_sha256, library_versions, processor
from mfsn.features.extraction.items import items_of
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store import layout as layouts
from mfsn.store.digest import Digest
from mfsn.store.store import Store

_WEIGHTS = (".json", ".safetensors", ".bin")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    """The notes about an extractor as it would be made here and now; made by `of`."""

    extractor: str
    segment: SegmentConfig
    store_root: Path
    circumstances: str
    """Hash of everything that decides its rows."""

    @classmethod
    def of(cls, extractor: str, config: Config, segment: SegmentConfig, store_root: Path) -> Check:
        """What is known under the present circumstances.

        Args:
            extractor: its name.
            config: its section of params.yaml.
            segment: how segments are cut.
            store_root: root of the feature cache.

        Raises:
            ConfigError: if a variable of the environment is not understood, or there is a revision
                for what has none.
            ModelLoadError: if its encoder cannot be found.
        """
        circumstances = {
            "config": config.model_dump_json(),  # in order: that of levels counts
            "checkpoint": dict(_checkpoint(config)),
            "segment": segment.model_dump_json(),
            "code": code_sha256(),
            "libraries": library_versions(),
            "processor": processor(),
            "device": _device(),
            "threads": runtime.threads(),
        }
        return cls(extractor, segment, store_root, sha256_of(circumstances))

    def digest(self, segments: pd.DataFrame) -> Digest | None:
        """What `extract` would give, if it had nothing to compute.

        Args:
            segments: the segment table.

        Returns:
            None if a row is missing, or what is there was not compared under these circumstances.

        Raises:
            CacheError: if the store cannot be read.
        """
        for path in layouts.directories(self.store_root, self.extractor):
            if noted := self._noted(path):
                return self._digest(segments, *noted)
        return None

    def note(self, extractor: Extractor, digest: Digest) -> None:
        """Note that rows were just made or compared; a store that cannot be written takes no note.

        Args:
            extractor: what made them.
            digest: what names them.
        """
        path = self.store_root / digest.store
        with contextlib.suppress(OSError, MfsnError):
            commits, about = _commits(path), dict(digest.about)
            for note in self._note(path).parent.glob("*.json"):
                if _read(note).get("commits") != commits:
                    note.unlink(missing_ok=True)
            content = {"about": about, "scope": extractor.scope, "commits": commits}
            files.write_json(self._note(path), content)

    def _digest(self, segments: pd.DataFrame, found: Digest, scope: Any) -> Digest | None:
        waves = waveform_store(self.segment, self.store_root).spec
        ids, items = items_of(segments, scope, self.segment, found.spec, waves)
        if Store(self.store_root, found.spec).missing(items.keys):
            return None
        rows = len(set(items.keys))
        log.info("%s: %d rows, 0 new, %d cached", self.extractor, rows, rows)
        return Digest.of(found.spec, found.about, dict(zip(ids, items.keys, strict=True)))

    def _noted(self, directory: Path) -> tuple[Digest, Any] | None:
        """Digest without rows, and scope; None without a note that counts."""
        noted = _read(self._note(directory))
        if noted.get("commits") != _commits(directory):
            return None
        layout = layouts.load(directory)
        return (Digest.of(layout.spec, noted["about"], {}), noted["scope"]) if layout else None

    def _note(self, directory: Path) -> Path:
        return directory / ".checked" / f"{self.circumstances[:16]}.json"


def _read(note: Path) -> dict[str, Any]:
    """What a note says; nothing where there is none, or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        content = files.read_json(note)
        if isinstance(content, dict) and content.keys() >= {"about", "scope", "commits"}:
            return content
    return {}


def _commits(directory: Path) -> str:
    """A hash of names, sizes and times of the commit markers."""
    markers = files.stats(sorted((directory / "commits").glob("*.json")))
    return sha256_of([[path.name, found.st_size, found.st_mtime_ns] for path, found in markers])


def _checkpoint(config: Config) -> Iterator[tuple[str, str]]:
    """Name and sha256 of each file that an encoder is loaded from; nothing for other extractors."""
    if model := getattr(config, "model", None):
        from mfsn.encoders.hub import find_folder

        for path in sorted(find_folder(model, getattr(config, "revision", None)).iterdir()):
            if path.suffix in _WEIGHTS:
                with path.open("rb") as file:
                    yield path.name, hashlib.file_digest(file, "sha256").hexdigest()


def _device() -> str:
    """The kind of device: another GPU rounds differently."""
    device = runtime.device()
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)
