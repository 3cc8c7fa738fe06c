"""Set single parameters of params.yaml; an encoder brings its levels and its revision along."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mfsn.base.yaml_file import read_yaml
from mfsn.errors import ConfigError
from mfsn.params import Params
from mfsn.presets.writing import Change, write_params

ENCODERS = ("sec", "tec")
"""The sections of params.yaml that name an encoder."""


def pairs(arguments: Sequence[str]) -> dict[str, Any]:
    """Names and values of a command line.

    Args:
        arguments: a name, its value, the next name, and so on. A value is read as in params.yaml.

    Raises:
        ConfigError: if a value is missing or is not YAML, or a name is there twice.
    """
    names, texts = arguments[::2], arguments[1::2]
    if not names or len(names) != len(texts):
        example = "such as `mfsn set optimisation.lr 0.0005`"
        raise ConfigError(f"give a value after each parameter, {example}")
    if len(set(names)) < len(names):
        raise ConfigError("a parameter is named twice; name it once")
    return {name: _value(name, text) for name, text in zip(names, texts, strict=True)}


def assign(workspace: Path, values: Mapping[str, Any], folder: Path) -> list[Change]:
    """Set parameters, all of them or none; comments and all other values stay.

    If `sec.model` or `tec.model` is set, its levels and its revision are set too, unless `values`
    names them: levels as `fitting_levels` says, and as revision the commit of a checkpoint from
    the hub, so that the next run finds the same weights.

    Args:
        workspace: the folder with params.yaml.
        values: dotted name, such as `sec.model`, to value.
        folder: where the command runs. A folder of an encoder is looked for there first.

    Returns:
        What changed.

    Raises:
        ConfigError: if a name is unknown or a value not allowed; params.yaml is then as it was.
        ModelLoadError: if levels and revision of an encoder are asked for that cannot be loaded.
    """
    old = read_yaml(workspace / "params.yaml")
    wanted = dict(values)
    for section in ENCODERS:
        if f"{section}.model" in wanted:
            wanted |= _about_encoder(workspace, section, wanted, old, folder)
    new = Params.parse(_with(old, wanted), where="params.yaml")
    return [change for change in write_params(workspace, old, new) if change.old != change.new]


def fitting_levels(section: str, layers: int, current: Any) -> Any:
    """Levels of SEC or TEC for an encoder with a number of layers.

    `all` stays, and so do levels with other names than the usual ones if the encoder has them.
    SEC gets `low` (the first layer), `mid` (the middle one) and `high` (the last one), as the
    presets have them: 1, 6 and 12 of a base encoder. TEC gets `last`.

    Args:
        section: `sec` or `tec`.
        layers: how many layers the encoder has; hidden state 0 is the input of the first.
        current: the levels that params.yaml has.
    """
    usual = _usual_levels(section, layers)
    own = isinstance(current, Mapping) and set(current) - {"low", "mid", "high", "last"}
    if current == "all" or (own and _has(layers, current)):
        return current
    return usual


def _usual_levels(section: str, layers: int) -> dict[str, int]:
    if section == "tec":
        return {"last": -1}
    if layers == 1:
        return {"low": 0, "high": 1}
    low = 1 if layers > 2 else 0
    return {"low": low, "mid": max(layers // 2, low + 1), "high": layers}


def _has(layers: int, levels: Mapping[str, Any]) -> bool:
    return all(index in range(-1, layers + 1) for index in levels.values())


def _about_encoder(
    workspace: Path, section: str, wanted: Mapping[str, Any], old: Any, folder: Path
) -> dict[str, Any]:
    """Name, revision and levels of an encoder; those that the user gave are left out."""
    name = _named_from(workspace, wanted[f"{section}.model"], folder)
    found = {f"{section}.model": name}
    missing = [n for n in (f"{section}.levels", f"{section}.revision") if n not in wanted]
    if missing and isinstance(name, str):
        from mfsn.encoders.hub import commit_of
        from mfsn.encoders.loading import load_encoder

        revision = wanted.get(f"{section}.revision")
        before = old.get(section) if isinstance(old, Mapping) else None
        current = before.get("levels") if isinstance(before, Mapping) else None
        layers = load_encoder(name, revision).layers
        known = {"levels": fitting_levels(section, layers, current)}
        known["revision"] = commit_of(name, revision)
        found |= {name: known[name.partition(".")[2]] for name in missing}
    return found


def _named_from(workspace: Path, name: Any, folder: Path) -> Any:
    """The name as params.yaml shall have it: read from the workspace, not from `folder`."""
    if not isinstance(name, str) or not (place := folder / Path(name).expanduser()).is_dir():
        return name
    place = place.resolve()
    inside = place.is_relative_to(workspace.resolve())
    return str(place.relative_to(workspace.resolve()) if inside else place)


def _value(name: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{name}: {text!r} is no value for params.yaml; correct it") from None


def _with(old: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the values with other parameters."""
    values = copy.deepcopy(old) if isinstance(old, dict) else {}
    for name, value in wanted.items():
        section, _, inside = name.partition(".")
        if not inside:
            values[section] = value
        elif isinstance(values.setdefault(section, {}), dict):
            values[section][inside] = value
    return values
