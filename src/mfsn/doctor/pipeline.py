"""Check that params.yaml has all that dvc.yaml asks for: DVC itself knows no defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mfsn.base.yaml_file import read_yaml
from mfsn.doctor.checks import Finding
from mfsn.params import Params

_INTERPOLATED = re.compile(r"\$\{([^}]+)\}")
_ITEM = "item.extractor"


def check_pipeline(params: Params, workspace: Path) -> Iterator[Finding]:
    """Check the names in dvc.yaml; a problem names the command that adds what is missing.

    Raises:
        ConfigError: if dvc.yaml or params.yaml cannot be read.
    """
    there = read_yaml(workspace / "params.yaml")
    missing = sorted(name for name in _asked(params, workspace) if not _has(there, name))
    if missing:
        yield Finding(
            "params.yaml",
            f"it lacks {', '.join(missing)}, which dvc.yaml names; run `mfsn preset --complete`, "
            "which adds what is missing with its defaults",
            is_good=False,
        )


def _asked(params: Params, workspace: Path) -> set[str]:
    pipeline = read_yaml(workspace / "dvc.yaml")
    interpolated = _INTERPOLATED.findall(yaml.safe_dump(pipeline, width=10**6))
    declared = [name for stage in pipeline["stages"].values() for name in stage.get("params", ())]
    sections = [
        name.replace(f"${{{_ITEM}}}", extractor)
        for name in declared
        for extractor in params.extract.extractors
    ]
    return {name for name in (*interpolated, *sections) if name != _ITEM}


def _has(values: Any, name: str) -> bool:
    first, _, rest = name.partition(".")
    if not isinstance(values, Mapping) or first not in values:
        return False
    return not rest or _has(values[first], rest)
