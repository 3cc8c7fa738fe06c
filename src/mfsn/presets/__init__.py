"""Presets: complete parameters for a corpus, and sizes of the network, as data.

A preset contains what differs from the base preset (`demo`). A size contains parameters of the
networks and their optimisation. All other parameters have the default of their configuration class.
params.yaml always contains all parameters, since DVC cannot make the name of one parameter from
another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mfsn import plugins
from mfsn.base.yaml_file import read_yaml
from mfsn.errors import ConfigError
from mfsn.params import Params, load_params
from mfsn.presets.saved import is_saved, restore, saved_params
from mfsn.presets.writing import Change, Leaves, changes, leaves, write_params

BASE = "demo"
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Applied:
    """How params.yaml changed."""

    changes: list[Change]
    """Every parameter that changed; not those that were missing and are null."""
    lost: list[Change]
    """Changed values that are in no preset and size and were not saved, so that only git can bring
    them back: `old` was in the file, `new` is in the preset most similar to the old file."""


def presets() -> dict[str, str]:
    """The descriptions of all presets, by name; the base comes first."""
    return _descriptions(FOLDER)


def sizes() -> dict[str, str]:
    """The descriptions of all sizes, by name."""
    return _descriptions(FOLDER / "sizes")


def preset_params(name: str, size: str | None = None) -> Params:
    """The complete parameters of a preset.

    Args:
        name: the name of a preset.
        size: the name of a size; by default the size that the preset names.

    Raises:
        ConfigError: if there is no such preset or size.
    """
    preset = _read(FOLDER, name, "preset")
    networks = _read(FOLDER / "sizes", size or preset["size"], "size")
    values: dict[str, Any] = {}
    for layer in (_read(FOLDER, BASE, "preset"), preset, networks):
        values = _merge(values, layer["params"])
    return Params.parse(values, where=f"preset {name}")


def refuse_unknown(workspace: Path, name: str, size: str | None) -> None:
    """Check the name of a preset and of a size.

    Raises:
        ConfigError: if there is no such preset or size, or a saved preset is asked for in another
            size.
    """
    if not is_saved(workspace, name):
        preset_params(name, size)
    elif size is not None:
        raise ConfigError(
            f"{name} is a preset that was saved, and has a size of its own; leave out --size"
        )


def apply_preset(workspace: Path, name: str, size: str | None = None) -> Applied:
    """Rewrite params.yaml, whole or not at all.

    Comments stay, and so do plug-ins' sections and their extractors in `extract.extractors`. A
    preset that was saved is put back as it was, with its own comments.

    Args:
        workspace: the folder with params.yaml.
        name: a preset of mfsn, or one that was saved.
        size: the name of a size; by default the size that the preset names.

    Raises:
        ConfigError: as `refuse_unknown`, or if params.yaml is not YAML.
    """
    refuse_unknown(workspace, name, size)
    old = read_yaml(workspace / "params.yaml")
    if is_saved(workspace, name):
        was, now = leaves(old or {}), leaves(restore(workspace, name))
        return _applied(workspace, was, now, changes(was, now))
    new = _with_plugins(preset_params(name, size), old if isinstance(old, dict) else {})
    return _write(workspace, old, new)


def complete_params(workspace: Path) -> Applied:
    """Add the parameters that params.yaml lacks, with their defaults; all others stay.

    Raises:
        ConfigError: if params.yaml cannot be read.
    """
    return _write(workspace, read_yaml(workspace / "params.yaml"), load_params(workspace))


def _with_plugins(preset: Params, old: Mapping[str, Any]) -> Params:
    values = preset.model_dump(mode="json")
    extract = old.get("extract")
    used = extract.get("extractors") if isinstance(extract, dict) else None
    added = [
        n for n in (used if isinstance(used, list) else ()) if plugins.is_added("extractors", n)
    ]
    values["extract"]["extractors"] += added
    kinds: tuple[plugins.Kind, ...] = ("extractors", "systems")
    kept = {n: v for n, v in old.items() if any(plugins.is_added(kind, n) for kind in kinds)}
    return Params.parse({**values, **kept}, where="params.yaml")


def _write(workspace: Path, old: Any, new: Params) -> Applied:
    changed = write_params(workspace, old, new)
    return _applied(workspace, leaves(old or {}), leaves(new.model_dump(mode="json")), changed)


def _applied(workspace: Path, was: Leaves, now: Leaves, changed: list[Change]) -> Applied:
    gone = [c for c in _lost(workspace, was) if c.name in was and now.get(c.name) != c.old]
    return Applied([c for c in changed if c.old != c.new], gone)


def _lost(workspace: Path, old: Leaves) -> list[Change]:
    shipped = (leaves(params.model_dump(mode="json")) for params in _combinations())
    known = itertools.chain(map(leaves, saved_params(workspace)), shipped)
    return min((changes(old, values) for values in known), key=len)


def _combinations() -> Iterator[Params]:
    return (preset_params(name, size) for name in presets() for size in (None, *sizes()))


def _descriptions(folder: Path) -> dict[str, str]:
    names = sorted((p.stem for p in folder.glob("*.yaml")), key=lambda name: (name != BASE, name))
    return {name: _shipped(folder / f"{name}.yaml")["description"] for name in names}


def _read(folder: Path, name: str, kind: str) -> Any:
    known = _descriptions(folder)
    if name not in known:
        raise ConfigError(f"there is no {kind} {name}; choose one of {', '.join(known)}")
    return _shipped(folder / f"{name}.yaml")


@cache
def _shipped(path: Path) -> Any:
    """A file of this package, which is read only once; nobody may change the values."""
    return read_yaml(path)


def _merge(values: Any, overrides: Any) -> Any:
    """Merge sections and replace single values."""
    if not isinstance(values, dict) or not isinstance(overrides, dict):
        return overrides
    return values | {name: _merge(values.get(name), v) for name, v in overrides.items()}
