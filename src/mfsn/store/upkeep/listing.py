"""The content of the store, as `mfsn cache ls` shows it; no row is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.messages import explaining
from mfsn.store.owners import owners
from mfsn.store.spec import ArraySpec


@dataclass(frozen=True)
class Entry:
    """One store directory."""

    extractor: str
    directory: str
    """Below the store root."""
    recipe: Mapping[str, Any]
    about: Mapping[str, Any]
    """The extractor's configuration and kind of weights when the directory was created."""
    arrays: tuple[ArraySpec, ...]
    rows: int
    bytes: int
    """Size of all committed shards."""
    users: tuple[str, ...]
    """Checkouts with a digest that names its rows now, or named them at some time; sorted."""

    @property
    def levels(self) -> str:
        """The arrays; equal ones stand together, such as `low mid high: 149x768 float16`."""
        alike: dict[str, list[str]] = {}
        for array in self.arrays:
            kind = " ".join(["x".join(map(str, array.shape)), array.dtype]).strip()
            alike.setdefault(kind, []).append(array.name)
        return "; ".join(f"{' '.join(names)}: {kind}" for kind, names in alike.items())


def list_store(store_root: Path) -> list[Entry]:
    """All store directories, sorted by extractor and hash; empty if there is no store.

    Raises:
        StoreVersionError: if another version of mfsn wrote a directory.
        CacheError: if the description of a directory is damaged.
    """
    noted = list(owners(store_root))
    with explaining(store_root):
        found = [layouts.load(path) for path in layouts.directories(store_root)]
        return [
            _entry(layout, {o.checkout for o in noted if o.store == layout.spec.directory})
            for layout in found
            if layout is not None
        ]


def _entry(layout: layouts.Layout, users: set[str]) -> Entry:
    committed, _ = markers.read_all(layout)
    spec = layout.spec
    return Entry(
        extractor=spec.extractor,
        directory=spec.directory,
        recipe=spec.recipe,
        about=layouts.about(layout),
        arrays=spec.arrays,
        rows=sum(len(marker.keys) for marker in committed),
        bytes=sum(sum(marker.sizes.values()) for marker in committed),
        users=tuple(sorted(users)),
    )
