"""Store directories that can hold the rows which some parameters ask for.

Where no digest can be read that says which rows they are: of a digest that DVC's cache lacks, of a
queued experiment, of a stage that runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfsn.errors import CacheError
from mfsn.store import layout as layouts
from mfsn.store.layout import Layout
from mfsn.store.messages import WAVEFORM


def known(store_root: Path, extractor: str) -> list[Layout]:
    """All directories of an extractor, but for those of other versions of mfsn.

    Garbage collection leaves those alone, whatever needs them.
    """
    found = []
    for path in layouts.directories(store_root, extractor):
        try:
            found.append(layouts.load(path))
        except CacheError:
            continue
    return [layout for layout in found if layout is not None]


def fitting(store_root: Path, extractor: str, params: Mapping[str, Any] | None) -> list[Layout]:
    """The directories of an extractor that can hold rows with these sections of params.yaml.

    The name of an encoder decides nothing: its weights do, which nobody sees without loading them.

    Args:
        store_root: root of the feature cache.
        extractor: its name.
        params: section to values; those of the extractor and of `segment` count. None asks for
            anything.
    """
    found = known(store_root, extractor)
    return found if params is None else [layout for layout in found if _fits(layout, params)]


def _fits(layout: Layout, params: Mapping[str, Any]) -> bool:
    extractor = layout.spec.extractor
    config = layouts.about(layout).get("config", {})
    asked = dict(params.get(extractor) or {})
    for name in ("model", "revision"):
        asked.pop(name, None)
    recipe = layout.spec.recipe.get("segment", {})
    segment = params.get("segment") or {}
    described = extractor == WAVEFORM or bool(asked)
    return (
        described
        and all(config.get(name) == value for name, value in asked.items())
        and all(recipe.get(name, value) == value for name, value in segment.items())
    )
