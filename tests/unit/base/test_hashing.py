"""Hashes of files, and what is remembered of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mfsn.base import hashing
from mfsn.base.hashing import hash_files
from mfsn.base.sealed import read_sealed_json, write_sealed_json
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
    remembered = read_sealed_json(cache)
    remembered["a.wav"][0] = "remembered"
    write_sealed_json(cache, remembered)
    assert hash_files(tmp_path, ["a.wav"], cache)["a.wav"][0] == "remembered"
    (tmp_path / "a.wav").write_bytes(b"a")  # written anew: other times
    assert hash_files(tmp_path, ["a.wav"], cache)["a.wav"][0] == first["a.wav"][0]


def test_a_damaged_cache_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a")
    cache = tmp_path / "cache.json"
    cache.write_text("{")
    assert hash_files(tmp_path, ["a.wav"], cache)["a.wav"][1] == 1
    assert "a.wav" in read_sealed_json(cache)


def test_a_forged_hash_without_its_checksum_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"a")
    cache = tmp_path / "cache.json"
    first = hash_files(tmp_path, ["a.wav"], cache)
    digit = first["a.wav"][0][5]
    flipped = cache.read_text().replace(first["a.wav"][0], first["a.wav"][0].replace(digit, "x"))
    cache.write_text(flipped)
    assert hash_files(tmp_path, ["a.wav"], cache) == first


def test_what_was_read_before_an_interrupt_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    cache, identify = tmp_path / "cache.json", hashing._identify

    def interrupted(file: Path, known: hashing.Entry | None) -> hashing.Entry:
        if file.name == "b":
            raise KeyboardInterrupt
        return identify(file, known)

    monkeypatch.setattr(hashing, "_identify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hash_files(tmp_path, ["a", "b"], cache)
    assert list(read_sealed_json(cache)) == ["a"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"gone\.wav cannot be read"):
        hash_files(tmp_path, ["gone.wav"])
