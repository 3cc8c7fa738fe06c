"""Presets: complete parameters for a corpus, and sizes of the network, as data.

A preset contains what differs from the base preset (`demo`). A size contains parameters of the
networks and their optimisation. All other parameters have the default of their configuration class.
params.yaml always contains all parameters, since DVC cannot make the name of one parameter from
another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mfsn import plugins
from mfsn.base.files import write_text
from mfsn.base.yaml_file import read_yaml
from mfsn.errors import ConfigError
from mfsn.params import Params, load_params
from mfsn.presets.rewriting import rewritten

BASE = "demo"
FOLDER = Path(__file__).parent

Leaves = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One parameter that changed; a value is `None` if the file does not have it."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Applied:
    """How params.yaml changed."""

    changes: list[Change]
    """Every parameter that changed; not those that were missing and are null."""
    lost: list[Change]
    """Changed values that are in no preset and size, so that only git can bring them back: `old`
    was in the file, `new` is in the preset that is most similar to the old file."""


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


def apply_preset(workspace: Path, name: str, size: str | None = None) -> Applied:
    """Rewrite params.yaml, whole or not at all.

    Comments stay, and so do plug-ins' sections and their extractors in `extract.extractors`.

    Raises:
        ConfigError: if there is no such preset or size, or params.yaml is not YAML.
    """
    old = read_yaml(workspace / "params.yaml")
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
    path = workspace / "params.yaml"
    was, now = leaves(old or {}), leaves(new.model_dump(mode="json"))
    changed = changes(was, now)
    text = rewritten(path.read_text("utf-8"), render(new), (c.name for c in changed))
    write_text(path, text)
    gone = [c for c in _lost(was) if c.name in was and now.get(c.name) != c.old]
    return Applied([c for c in changed if c.old != c.new], gone)


def render(params: Params) -> str:
    """The parameters as YAML: one block per section, one line per parameter."""
    values = params.model_dump(mode="json")
    single = [f"{name}: {_flow(v)}\n" for name, v in values.items() if not isinstance(v, dict)]
    sections = [_section(name, v) for name, v in values.items() if isinstance(v, dict)]
    return "\n".join(["".join(single), *sections])


def leaves(values: Mapping[str, Any], prefix: str = "") -> Leaves:
    """Values by dotted name, such as `mfcc.hop_ms`; a list is one value."""
    found: Leaves = {}
    for name, value in values.items():
        dotted = f"{prefix}{name}"
        nested = isinstance(value, Mapping) and value
        found |= leaves(value, f"{dotted}.") if nested else {dotted: value}
    return found


def changes(old: Leaves, new: Leaves) -> list[Change]:
    """The parameters that differ: first in the order of the new ones, then those that are gone.

    An empty section does not count as a parameter if the other side has parameters in it.
    """
    old, new = _filled(old, new), _filled(new, old)
    names = [*new, *(name for name in old if name not in new)]
    return [
        Change(name, old.get(name), new.get(name))
        for name in names
        if name not in old or name not in new or old[name] != new[name]
    ]


def _filled(values: Leaves, other: Leaves) -> Leaves:
    sections = {name.rpartition(".")[0] for name in other}
    return {name: v for name, v in values.items() if v != {} or name not in sections}


def _lost(old: Leaves) -> list[Change]:
    known = (leaves(params.model_dump(mode="json")) for params in _combinations())
    return min((changes(old, leaves_) for leaves_ in known), key=len)


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


def _section(name: str, values: dict[str, Any]) -> str:
    if not values:
        return f"{name}: {{}}\n"
    return f"{name}:\n" + "".join(f"  {leaf}: {_flow(v)}\n" for leaf, v in values.items())


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("...\n").rstrip("\n")
