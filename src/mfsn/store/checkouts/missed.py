"""Notes of readers that missed rows, for stage `scan`; see `mfsn.store.checkouts.lost_rows`."""

from __future__ import annotations

import contextlib
from pathlib import Path


def note_missed(store_root: Path, extractor: str) -> None:
    """Note that rows were not there, so that the next `dvc repro` computes them.

    Args:
        store_root: root of the feature cache; if it cannot be written there is no note.
        extractor: the extractor of the rows.
    """
    with contextlib.suppress(OSError):
        _folder(store_root).mkdir(parents=True, exist_ok=True)
        (_folder(store_root) / extractor).touch()


def missed(store_root: Path) -> set[str]:
    """The extractors of which readers missed rows since their stage ran."""
    return {path.name for path in _folder(store_root).glob("*")}


def clear_missed(store_root: Path, extractor: str) -> None:
    """Remove the note about an extractor, because its stage has run."""
    (_folder(store_root) / extractor).unlink(missing_ok=True)


def _folder(store_root: Path) -> Path:
    return store_root / "scan" / "missed"
