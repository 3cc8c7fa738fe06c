"""A workspace whose params.yaml is to be changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path) -> Path:
    """A workspace in the state of a fresh clone."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(checkout / name, tmp_path)
    return tmp_path
