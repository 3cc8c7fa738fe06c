"""Everything that is kept is damaged at once: `verify --repair` and `dvc repro` bring it back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

KEPT_IN_THE_STORE = (
    "mfcc/*/*/c.*",  # a shard of rows
    "sec/*/zarr.json",
    "runs/search/*/*.safetensors",
    "checkpoints/wav2vec2-demo-*/model.safetensors",
    "scan/*.json",
)
OUTPUTS = (
    "prepared/toy/features/mfcc.json",
    "prepared/toy/manifest.parquet",
    "results/toy/mfsn/models/*/model.safetensors",
)


def test_what_was_damaged_is_found_and_made_again(project: Any) -> None:
    project.repro()
    project.dvc("repro", "--force", "--single-item", "search")  # gc may have deleted its fits
    before, rows = project.outputs(), project.rows()
    places = [*find(project.store, KEPT_IN_THE_STORE), *find(project.root / "data", OUTPUTS)]
    for path in places:
        flip(path)
    found = project.run("mfsn", "cache", "verify", check=False)
    assert found.returncode == 1
    missed = [path for path in places if not names(found.stdout + found.stderr, path)]
    assert missed == []

    project.run("mfsn", "cache", "verify", "--repair", check=False)
    project.repro()
    assert (project.outputs(), project.rows()) == (before, rows)
    assert project.run("mfsn", "cache", "verify").returncode == 0
    assert project.repro() == {"scan"}


def find(root: Path, patterns: Sequence[str]) -> list[Path]:
    """The first file of each pattern."""
    return [min(path for path in root.glob(pattern) if path.is_file()) for pattern in patterns]


def flip(path: Path) -> None:
    """Flip a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def names(text: str, path: Path) -> bool:
    """Whether a text names a file, by the id in its path if there is one."""
    ids = [part for part in path.parts[-4:] if re.search("[0-9a-f]{12}", part)]
    return any(part in text for part in ids or [path.name])
