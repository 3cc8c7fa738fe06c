"""Flipped bits in everything that is kept beside rows are found, and repair removes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mfsn.base.sealed import seal_folder, write_sealed_json
from mfsn.doctor.kept import check_kept
from mfsn.doctor.stage_outputs import check_outputs
from mfsn.runs.checkpoint import epoch_weights, save_state, save_weights
from mfsn.store.lock import exclusive


def flip(path: Path, seed: int) -> None:
    """Flip one bit."""
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)


def sealed(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.json").write_text('{"a": 1}')
    (folder / "model.safetensors").write_bytes(bytes(range(100)))
    seal_folder(folder)
    return folder


def state(folder: Path) -> Path:
    folder.mkdir(parents=True)
    save_weights(epoch_weights(folder, 1), torch.nn.Linear(2, 2))
    save_state(folder, {"history": [1.0]}, "cpu", keep=[1])
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one of each kind, all sound."""
    sealed(tmp_path / "runs/train/0123")
    state(tmp_path / "runs/train/4567/work/selection")
    sealed(tmp_path / "checkpoints/toy-89ab")
    for note in ("scan/demo.json", "mfcc/0123/.checked/cdef.json"):
        write_sealed_json(tmp_path / note, {"a.wav": ["00", 1, 2, 3]})
    assert list(check_kept(tmp_path, repair=True)) == []
    return tmp_path


KEPT = [
    "runs/train/0123/model.json", "runs/train/0123/model.safetensors", "runs/train/0123/.seal",
    "runs/train/4567/work/selection/state.pt",
    "runs/train/4567/work/selection/epoch-0001.safetensors",
    "checkpoints/toy-89ab/model.safetensors", "checkpoints/toy-89ab/.seal",
    "mfcc/0123/.checked/cdef.json", "scan/demo.json",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kept", KEPT)
def test_a_flipped_bit_is_found_and_what_it_spoils_is_removed(
    store: Path, kept: str, seed: int
) -> None:
    before = {path for path in store.rglob("*") if path.is_file()}
    flip(store / kept, seed)
    (problem,) = check_kept(store, repair=False)
    assert kept.startswith(problem.where)
    assert "mfsn cache verify --repair" in problem.remedy
    (repaired,) = check_kept(store, repair=True)
    assert (repaired.where, repaired.is_repaired) == (problem.where, True)
    assert list(check_kept(store, repair=False)) == []
    gone = before - {path for path in store.rglob("*") if path.is_file()}
    assert gone == {path for path in before if path.is_relative_to(store / problem.where)}


def test_what_an_older_version_left_without_a_checksum_is_left_out(tmp_path: Path) -> None:
    for name in ("runs/train/0123", "checkpoints/toy-89ab"):
        (sealed(tmp_path / name) / ".seal").unlink()
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan/demo.json").write_text('{"a.wav": ["00", 1]}')
    assert list(check_kept(tmp_path, repair=True)) == []
    assert (tmp_path / "scan/demo.json").is_file()


def test_a_damaged_fit_in_use_stays(store: Path) -> None:
    unit = store / "runs/train/0123"
    flip(unit / "model.json", 0)
    with exclusive(unit):
        (problem,) = check_kept(store, repair=True)
    assert not problem.is_repaired
    assert (unit / "model.json").is_file()


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two outputs, a file and a folder, in the workspace and in DVC's cache."""
    (tmp_path / ".dvc").mkdir()
    files = {"data/files.tsv": b"path\tbytes\n", "data/models/a.json": b'{"a": 1}\n'}
    listed = [{"md5": md5(files["data/models/a.json"]), "relpath": "a.json"}]
    folder = json.dumps(listed).encode()
    contents = {md5(data): data for data in files.values()} | {md5(folder) + ".dir": folder}
    for name, data in contents.items():
        (copy := tmp_path / ".dvc/cache/files/md5" / name[:2] / name[2:]).parent.mkdir(parents=True)
        copy.write_bytes(data)
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    outs = [
        {"path": "data/files.tsv", "md5": md5(files["data/files.tsv"])},
        {"path": "data/models", "md5": md5(folder) + ".dir"},
    ]
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": {"scan": {"outs": outs}}}))
    assert list(check_outputs(tmp_path, repair=True)) == []
    return tmp_path


@pytest.mark.parametrize("seed", range(3))
def test_a_flipped_output_or_its_copy_is_found_and_deleted(workspace: Path, seed: int) -> None:
    outputs = [path for path in (workspace / "data").rglob("*") if path.is_file()]
    copies = [path for path in (workspace / ".dvc/cache").rglob("*") if path.is_file()]
    assert (len(outputs), len(copies)) == (2, 3)
    for path in (*outputs, *copies):
        before = path.read_bytes()
        flip(path, seed)
        assert len(list(check_outputs(workspace, repair=False))) == 1
        (problem,) = check_outputs(workspace, repair=True)
        assert problem.is_repaired
        assert "`dvc repro` brings it back" in problem.remedy
        assert not path.exists()
        assert list(check_outputs(workspace, repair=False)) == []
        path.write_bytes(before)


def test_an_output_of_another_version_is_no_damage(workspace: Path) -> None:
    other = b"path\tbytes\nx\t1\n"
    copy = workspace / ".dvc/cache/files/md5" / md5(other)[:2] / md5(other)[2:]
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(other)
    (workspace / "data/files.tsv").write_bytes(other)
    assert list(check_outputs(workspace, repair=True)) == []
