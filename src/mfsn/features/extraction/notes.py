"""Notes of what an extraction found out, so that one with nothing to do is over at once.

To load an encoder and to compute a batch again takes seconds. It answers two questions: which rows
are meant, and whether this code, with these libraries and on this processor, makes the rows that
are cached (see `mfsn.features.extraction.extraction`). A note in the store directory keeps the
answers. Its name is a hash of everything that decides them: parameters, the bytes of the
checkpoint's files, mfsn's sources, versions of libraries, processor, device and threads. A note
counts as long as the commit markers of the directory are those that were there when it was written.
So rows that came from elsewhere since then (by `mfsn cache pull`, or from another machine on the
same store) are compared first. With a note as without one, all rows must be there. Whether their
bytes are still as they were written is found out by readers and by `mfsn cache verify`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn import runtime
from mfsn.base import files
from mfsn.base.environment import code_sha256, library_versions, processor
from mfsn.base.sealed import read_sealed_json, write_sealed_json
from mfsn.config import Config, sha256_of
from mfsn.errors import MfsnError
from mfsn.features.base import AnyExtractor, Reach, reach_of
from mfsn.features.extraction.items import Transcripts, items_of
from mfsn.segments.config import SegmentConfig
from mfsn.store import layout as layouts
from mfsn.store.digest import Digest
from mfsn.store.store import Store

_FIELDS = {"about", "scope", "context", "commits"}

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
            ConfigError: if a variable of the environment is not understood, or a revision is given
                for an encoder that has none.
            ModelLoadError: if its encoder cannot be found.
        """
        circumstances = {
            "config": config.model_dump_json(),  # in order: the order of levels counts
            "checkpoint": _checkpoint(config),
            "segment": segment.model_dump_json(),
            "code": code_sha256(),
            "libraries": library_versions(),
            "processor": processor(),
            "device": _device(),
            "threads": runtime.threads(),
        }
        return cls(extractor, segment, store_root, sha256_of(circumstances))

    def digest(
        self, segments: pd.DataFrame, transcripts: Transcripts | None = None
    ) -> Digest | None:
        """What `extract` would give, if it had nothing to compute.

        Args:
            segments: the segment table.
            transcripts: of the utterances; only extractors of texts need them.

        Returns:
            None if a row is missing, or if the rows were not compared under these circumstances.

        Raises:
            ManifestError: if the extractor reads transcripts and an utterance has none.
            CacheError: if the store cannot be read.
        """
        for path in layouts.directories(self.store_root, self.extractor):
            if noted := self._noted(path):
                return self._digest(segments, transcripts, *noted)
        return None

    def note(self, extractor: AnyExtractor, digest: Digest) -> None:
        """Note that rows were just made or compared. A store that cannot be written gets no note.

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
            reach = reach_of(extractor)._asdict()
            noted = {"about": about, **reach, "commits": commits}
            write_sealed_json(self._note(path), noted)

    def _digest(
        self,
        segments: pd.DataFrame,
        transcripts: Transcripts | None,
        found: Digest,
        noted: Mapping[str, Any],
    ) -> Digest | None:
        reach = Reach(noted["scope"], noted["context"])
        ids, items = items_of(segments, reach, self.segment, found.spec, transcripts)
        if Store(self.store_root, found.spec).claim(items.keys):
            return None
        rows = len(set(items.keys))
        log.info("%s: %d rows, 0 new, %d cached", self.extractor, rows, rows)
        return Digest.of(found.spec, found.about, dict(zip(ids, items.keys, strict=True)))

    def _noted(self, directory: Path) -> tuple[Digest, Mapping[str, Any]] | None:
        """A digest without rows, and the note; None if there is no note that counts."""
        noted = _read(self._note(directory))
        if noted.get("commits") != _commits(directory):
            return None
        layout = layouts.load(directory)
        return (Digest.of(layout.spec, noted["about"], {}), noted) if layout else None

    def _note(self, directory: Path) -> Path:
        return directory / ".checked" / f"{self.circumstances[:16]}.json"


def _read(note: Path) -> dict[str, Any]:
    """What a note says; nothing if there is none, or it is damaged."""
    with contextlib.suppress(OSError, ValueError):
        content = read_sealed_json(note)
        if isinstance(content, dict) and content.keys() >= _FIELDS:
            return content
    return {}


def _commits(directory: Path) -> str:
    """A hash of the names, sizes and times of the commit markers."""
    markers = files.stats(sorted((directory / "commits").glob("*.json")))
    return sha256_of([[path.name, found.st_size, found.st_mtime_ns] for path, found in markers])


def _checkpoint(config: Config) -> Mapping[str, str]:
    """Hashes of the files that an encoder is loaded from; other extractors have none."""
    model = getattr(config, "model", None)
    if not model:
        return {}
    from mfsn.encoders.hub import checkpoint_files

    return checkpoint_files(model, getattr(config, "revision", None))


def _device() -> str:
    """The kind of device: another GPU rounds differently."""
    device = runtime.device()
    if device == "cpu":
        return device
    import torch

    return torch.cuda.get_device_name(device)
