"""What is damaged on the disk comes back by `dvc repro`, to the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mfsn.base.sealed import read_sealed_json

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]


def flip(path: Path, at: Callable[[bytes], int]) -> None:
    """Flip the lowest bit of a byte of a file."""
    content = bytearray(path.read_bytes())
    content[at(bytes(content))] ^= 1
    path.write_bytes(content)


def middle(content: bytes) -> int:
    return len(content) // 2


def in_a_row_key(content: bytes) -> int:
    """A hexadecimal digit, so that the file is still a digest."""
    key = next(iter(json.loads(content)["rows"].values()))
    return content.index(key.encode())


def spoil_a_fit(project: Any) -> None:
    """Flip a bit in the weights of a search that is finished."""
    flip(next(project.store.glob("runs/search/*/*.safetensors")), middle)


def test_damaged_results_and_rows_come_back_to_the_same_bytes(project: Any) -> None:
    outputs, rows = project.outputs(), project.rows()
    search_again = ("repro", "--force", "--single-item", "search")

    digest, noted = project.root / "data/prepared/toy/features/mfcc.json", "scan/toy.json"
    flip(digest, in_a_row_key)
    flip(project.store / noted, middle)
    assert project.repro() <= {"scan", "extract@mfcc"}  # DVC may have a copy of the digest
    assert project.outputs() == outputs
    assert read_sealed_json(project.store / noted)

    shard = next(project.store.glob("sec/*/high/c.0.*"))
    flip(shard, lambda _: 100)
    spoil_a_fit(project)
    refused = project.dvc(*search_again, check=False)
    assert refused.returncode
    assert "`mfsn cache verify --repair` removes what is damaged" in refused.stderr
    project.run("mfsn", "cache", "verify", "--repair", check=False)
    assert {"scan", "extract@sec"} <= project.repro() <= {"scan", "extract@sec", "search"}
    assert (project.outputs(), project.rows()) == (outputs, rows)

    spoil_a_fit(project)
    assert "are damaged; it is fitted again" in project.dvc(*search_again).stdout
    assert project.outputs() == outputs
    assert project.run("mfsn", "cache", "verify").returncode == 0
