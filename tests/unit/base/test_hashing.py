"""Hashes of files, and what is remembered of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from mfsn.base.hashing import hash_files
from mfsn.errors import CorpusError


def test_hash_and_size(tmp_path: Path) -> None:
    (tmp_path / "b.wav").write_bytes(b"bb")
    (tmp_path / "a.wav").write_bytes(b"a")
    hashed = hash_files(tmp_path, ["b.wav", "a.wav"])
    assert list(hashed) == ["b.wav", "a.wav"]
    assert hashed["b.wav"][:2] == [hashlib.sha256(b"bb").hexdigest(), 2]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a")
    cache = tmp_path / "cache.json"
    first = hash_files(tmp_path, ["a.wav"], cache)
    remembered = json.loads(cache.read_text())
    remembered["a.wav"][0] = "remembered"
    cache.write_text(json.dumps(remembered))
    assert hash_files(tmp_path, ["a.wav"], cache)["a.wav"][0] == "remembered"
    (tmp_path / "a.wav").write_bytes(b"a")  # written anew: other times
    assert hash_files(tmp_path, ["a.wav"], cache)["a.wav"][0] == first["a.wav"][0]


def test_a_damaged_cache_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a")
    cache = tmp_path / "cache.json"
    cache.write_text("{")
    assert hash_files(tmp_path, ["a.wav"], cache)["a.wav"][1] == 1
    assert "a.wav" in json.loads(cache.read_text())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone\.wav cannot be read"):
        hash_files(tmp_path, ["gone.wav"])
