"""Presets that a user has saved: whole copies of params.yaml below data/presets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mfsn.base.files import write_text
from mfsn.base.yaml_file import read_yaml
from mfsn.errors import ConfigError
from mfsn.params import Params, load_params

FOLDER = Path("data") / "presets"
"""Where saved presets are, from the workspace. Git does not ignore this folder."""

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def saved(workspace: Path) -> list[str]:
    """The names of the presets that were saved, sorted."""
    return sorted(path.stem for path in (workspace / FOLDER).glob("*.yaml"))


def is_saved(workspace: Path, name: str) -> bool:
    """Whether a preset of this name was saved."""
    return name in saved(workspace)


def save(workspace: Path, name: str, taken: Mapping[str, str]) -> Path:
    """Keep params.yaml as it is, with its comments, under a name.

    Args:
        workspace: the folder with params.yaml.
        name: the name; small letters, digits, `_` and `-`.
        taken: the presets that come with mfsn, by name.

    Returns:
        The file that was written.

    Raises:
        ConfigError: if the name cannot be one or is in use, or params.yaml is not valid.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"--save {name}: the name of a preset has small letters, digits, _ and -, and begins "
            "with a letter; choose another one"
        )
    path = workspace / FOLDER / f"{name}.yaml"
    if name in taken or path.exists():
        whose = f"in {path.relative_to(workspace)}" if path.exists() else "of mfsn"
        raise ConfigError(f"--save {name}: there is a preset {whose} of this name; choose another")
    load_params(workspace)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, (workspace / "params.yaml").read_text(encoding="utf-8"))
    return path


def restore(workspace: Path, name: str) -> dict[str, Any]:
    """Put a saved preset back into params.yaml, whole or not at all.

    Returns:
        Its values.

    Raises:
        ConfigError: if it is not valid any more; params.yaml is then as it was.
    """
    path = workspace / FOLDER / f"{name}.yaml"
    values = _values(workspace, path)
    write_text(workspace / "params.yaml", path.read_text(encoding="utf-8"))
    return values


def saved_params(workspace: Path) -> Iterator[dict[str, Any]]:
    """The values of the presets that were saved and are valid."""
    for path in sorted((workspace / FOLDER).glob("*.yaml")):
        try:
            yield _values(workspace, path)
        except ConfigError:
            continue


def _values(workspace: Path, path: Path) -> dict[str, Any]:
    where = str(path.relative_to(workspace))
    return Params.parse(read_yaml(path), where=where).model_dump(mode="json")
