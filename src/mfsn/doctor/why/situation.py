"""What `mfsn cache why` compares: rows named by the workspace, rows named by HEAD, params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mfsn.manifest import SEGMENTS, read_table
from mfsn.params import Params, load_params, outputs_of
from mfsn.store import layout as layouts
from mfsn.store.checkouts.dvc import Output, cache_folder, content, outputs_in
from mfsn.store.checkouts.git_history import has_history, lock_at_head
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM
from mfsn.store.owners import rows_named
from mfsn.store.spec import StoreSpec
from mfsn.workspace import Outputs, names_rows


@dataclass(frozen=True)
class Named:
    """The rows that a digest names or, for waves, the segment table."""

    spec: StoreSpec
    rows: Mapping[str, str]
    """From segment id (utterance id for extractors with that scope) to row key."""
    config: Mapping[str, Any]
    """The extractor's section of params.yaml at the time of extraction; empty for waves."""

    @property
    def of_text(self) -> bool:
        """Whether the rows are made of transcripts: their identity has no recipe of segments."""
        return "segment" not in self.spec.recipe


@dataclass(frozen=True)
class Situation:
    """A workspace, its parameters and its store."""

    params: Params
    outputs: Outputs
    store: Path

    @classmethod
    def of(cls, workspace: Path, store: Path) -> Situation:
        """The situation of a workspace and a store now.

        Raises:
            ConfigError: if params.yaml cannot be read.
        """
        params = load_params(workspace)
        return cls(params, outputs_of(params, workspace), store)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Everything that has rows in the store: waves, and the extractors in params.yaml."""
        return (WAVEFORM, *self.params.extract.extractors)

    def digest(self, extractor: str) -> Path:
        """The path of an extractor's digest or, for waves, of the segment table."""
        waves = extractor == WAVEFORM
        return self.outputs.segments if waves else self.outputs.digest(extractor)

    def relative(self, path: Path) -> str:
        """A path as dvc.lock writes it."""
        return path.relative_to(self.outputs.workspace).as_posix()

    @property
    def no_head(self) -> str | None:
        """The reason why nothing can be compared with HEAD; None if it can."""
        if has_history(self.outputs.workspace):
            return None
        return f"{self.outputs.workspace} is not a git repository: there is no HEAD to compare with"

    @cached_property
    def _head(self) -> dict[str, Output]:
        found = outputs_in(lock_at_head(self.outputs.workspace))
        return {output.path: output for output in found}

    def at_head(self, path: Path) -> Path | None:
        """The path of a digest's content at HEAD; None if HEAD or DVC's cache does not have it.

        Raises:
            CacheError: if git cannot read the history.
        """
        output = self._head.get(self.relative(path))
        if output is None:
            return None
        found = content(cache_folder(self.outputs.workspace), output.md5)
        return found if found.is_file() else None

    def lost_head(self, path: Path) -> str | None:
        """A sentence, if HEAD names a digest whose content is not in DVC's cache; else None."""
        output = self._head.get(self.relative(path))
        if output is None or self.at_head(path):
            return None
        return (
            f"HEAD (dvc.lock) names {self.relative(path)}, but DVC's cache does not have its "
            "content, so there is nothing to compare with; `dvc fetch` copies it from a DVC remote"
        )

    def named(self, extractor: str, path: Path | None) -> Named | None:
        """The rows that a digest names; None if there is no digest, or no store for its waves.

        Args:
            extractor: the extractor of the digest.
            path: the digest, in the workspace or in DVC's cache.

        Raises:
            MfsnError: if the digest cannot be read.
        """
        if path is None or not names_rows(path):
            return None
        if extractor != WAVEFORM:
            digest = Digest.read(path)
            per_fold = {
                f"{name} of fold {fold}": key
                for fold, rows in digest.folds.items()
                for name, key in rows.items()
            }
            return Named(digest.spec, {**digest.rows, **per_fold}, digest.about.get("config", {}))
        store, _ = rows_named(path, extractor, self.store)
        layout = layouts.load(self.store / store)
        table = read_table(path, SEGMENTS)[["segment_id", "row_key"]]
        rows = dict(table.itertuples(index=False, name=None))
        return Named(layout.spec, rows, {}) if layout else None
