"""Write params.yaml, complete and with the user's comments, and say what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mfsn.base.files import write_text
from mfsn.params import Params, refuse_read_otherwise
from mfsn.presets.rewriting import rewritten

Leaves = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One parameter that changed; a value is `None` if the file does not have it."""

    name: str
    old: Any
    new: Any


def write_params(workspace: Path, old: Any, new: Params) -> list[Change]:
    """Give params.yaml other values, whole or not at all.

    Args:
        workspace: the folder with params.yaml.
        old: its values as they were read.
        new: all values that it shall have.

    Returns:
        Every parameter that differs, also those that were missing and are null.

    Raises:
        ConfigError: if DVC would read a value as another one.
    """
    path = workspace / "params.yaml"
    found = changes(leaves(old or {}), leaves(new.model_dump(mode="json")))
    text = rewritten(path.read_text("utf-8"), render(new), (change.name for change in found))
    refuse_read_otherwise(text, yaml.safe_load(text), new)
    write_text(path, text)
    return found


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


def _section(name: str, values: dict[str, Any]) -> str:
    if not values:
        return f"{name}: {{}}\n"
    return f"{name}:\n" + "".join(f"  {leaf}: {_flow(v)}\n" for leaf, v in values.items())


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("...\n").rstrip("\n")
