"""A workspace as `mfsn cache why` sees it: what it names, what HEAD names, what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mfsn.manifest import SEGMENTS, read_table
from mfsn.params import Params, load_params, outputs_of
from mfsn.store import layout as layouts
from mfsn.store.digest import Digest
from mfsn.store.gc.dvc import Output, cache_folder, content, outputs_in
from mfsn.store.gc.git_history import has_history, lock_at_head
from mfsn.store.messages import WAVEFORM
from mfsn.store.owners import rows_named
from mfsn.store.spec import StoreSpec
from mfsn.workspace import Outputs, names_rows


@dataclass(frozen=True)
class Named:
    """The rows that a digest names, or for waves a segment table."""

    spec: StoreSpec
    rows: Mapping[str, str]
    """Segment id (utterance id for extractors of that scope) to row key."""
    config: Mapping[str, Any]
    """The extractor's section of params.yaml when they were extracted; empty for waves."""


@dataclass(frozen=True)
class Situation:
    """A workspace, its parameters and its store."""

    params: Params
    outputs: Outputs
    store: Path

    @classmethod
    def of(cls, workspace: Path, store: Path) -> Situation:
        """The present one.

        Raises:
            ConfigError: if params.yaml cannot be read.
        """
        params = load_params(workspace)
        return cls(params, outputs_of(params, workspace), store)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Everything whose rows lie in the store: waves, and the extractors of params.yaml."""
        return (WAVEFORM, *self.params.extract.extractors)

    def digest(self, extractor: str) -> Path:
        """The digest of an extractor; for waves the segment table."""
        waves = extractor == WAVEFORM
        return self.outputs.segments if waves else self.outputs.digest(extractor)

    def relative(self, path: Path) -> str:
        """A path as dvc.lock writes it."""
        return path.relative_to(self.outputs.workspace).as_posix()

    @property
    def no_head(self) -> str | None:
        """Why nothing can be compared with HEAD; None where it can."""
        if has_history(self.outputs.workspace):
            return None
        return f"{self.outputs.workspace} is no git repository: there is no HEAD to compare with"

    @cached_property
    def _head(self) -> dict[str, Output]:
        found = outputs_in(lock_at_head(self.outputs.workspace))
        return {output.path: output for output in found}

    def at_head(self, path: Path) -> Path | None:
        """The content that a digest has in HEAD; None if HEAD or DVC's cache lacks it.

        Raises:
            CacheError: if git cannot read the history.
        """
        output = self._head.get(self.relative(path))
        if output is None:
            return None
        found = content(cache_folder(self.outputs.workspace), output.md5)
        return found if found.is_file() else None

    def named(self, extractor: str, path: Path | None) -> Named | None:
        """What a digest names; None where there is none, or no directory for its waves.

        Args:
            extractor: whose digest it is.
            path: the digest, in the workspace or in DVC's cache.

        Raises:
            MfsnError: if it cannot be read.
        """
        if path is None or not names_rows(path):
            return None
        if extractor != WAVEFORM:
            digest = Digest.read(path)
            return Named(digest.spec, digest.rows, digest.about.get("config", {}))
        store, _ = rows_named(path, extractor, self.store)
        layout = layouts.load(self.store / store)
        table = read_table(path, SEGMENTS)[["segment_id", "row_key"]]
        rows = dict(table.itertuples(index=False, name=None))
        return Named(layout.spec, rows, {}) if layout else None
