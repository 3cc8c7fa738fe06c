"""How two identities of rows differ: what changed, and from what to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn.base import files
from mfsn.errors import CacheError
from mfsn.store import layout as layouts
from mfsn.store import marker as markers
from mfsn.store.messages import explaining
from mfsn.store.spec import StoreSpec

_NAMES = {
    "version": "version of the extractor",
    "parameters.weights": "weights of the encoder",
    "segment.decoding": "version of decoding",
}
_PREFIXES = {
    "parameters.config.": "configuration of the encoder: ",
    "parameters.preprocessor.": "preprocessor of the encoder: ",
}
_MEANINGS = {
    ("parameters.precision", "bfloat16"): "bfloat16 (autocast)",
    ("parameters.precision", "bfloat16-2"): "bfloat16 (weights and activations)",
    ("segment.cut", 1): "1 (without overlap, the last one padded)",
}
"""Codes of a recipe in words, for people."""
_LONG = 20


@dataclass(frozen=True)
class Change:
    """One value in which two identities differ."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name}: {self.old} -> {self.new}"


@dataclass(frozen=True)
class Neighbour:
    """Another store directory of the same extractor."""

    spec: StoreSpec
    rows: int
    committed_at: float
    """Time of its newest shard in seconds since the epoch; 0 if it has none."""
    changes: tuple[Change, ...]
    """The changes from it to the identity with which it was compared."""


def changes(old: StoreSpec, new: StoreSpec) -> list[Change]:
    """The differences between two identities of the same extractor; empty if they are equal."""
    before, after = dict(_leaves(old.recipe)), dict(_leaves(new.recipe))
    found = [
        Change(_name(new.extractor, path), _shown(before, path), _shown(after, path))
        for path in sorted(before.keys() | after.keys())
        if before.get(path) != after.get(path)
    ]
    if not found and old.identity != new.identity:
        return [Change("arrays", _arrays(old), _arrays(new))]
    return found


def neighbours(store_root: Path, spec: StoreSpec) -> list[Neighbour]:
    """The other store directories of an extractor: the most similar first, then the newest.

    Raises:
        CacheError: if the store cannot be read.
    """
    found = []
    for path in layouts.directories(store_root, spec.extractor):
        try:
            layout = layouts.load(path)
        except CacheError:  # `mfsn cache verify` names it
            continue
        if layout is not None and layout.spec.identity != spec.identity:
            with explaining(path):
                sound, _ = markers.read_all(layout)
                marked = files.stats(layout.marker(marker.shard) for marker in sound)
                times = [status.st_mtime for _, status in marked]
            rows = len({key for marker in sound for key in marker.keys})
            differing = tuple(changes(layout.spec, spec))
            found.append(Neighbour(layout.spec, rows, max(times, default=0.0), differing))
    return sorted(found, key=lambda other: (len(other.changes), -other.committed_at))


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _name(extractor: str, path: str) -> str:
    for prefix, name in _PREFIXES.items():
        if path.startswith(prefix):
            return name + path.removeprefix(prefix)
    if path.startswith("parameters.") and path not in _NAMES:
        return f"{extractor}.{path.removeprefix('parameters.')}"
    return _NAMES.get(path, path)


def _shown(leaves: Mapping[str, Any], path: str) -> str:
    if path not in leaves:
        return "none"
    value = leaves[path]
    text = _MEANINGS.get((path, value), str(value)) if isinstance(value, str | int) else str(value)
    is_hash = len(text) > _LONG and all(letter in "0123456789abcdef" for letter in text)
    return text[:12] if is_hash else text


def _arrays(spec: StoreSpec) -> str:
    return ", ".join(f"{array.name} {array.dtype} {list(array.shape)}" for array in spec.arrays)
