"""The scripts stages/scan.py and stages/prepare.py, run as DVC runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

HEAVY = ("torch", "pandas", "numpy", "pyarrow", "soundfile", "sklearn")


@pytest.fixture
def mine(mine: Path, clip: Callable[..., Path]) -> Path:
    """With three clips a class, enough for three folds."""
    with (mine / "table.csv").open("a") as table:
        for name, emotion in (("e", "sad"), ("f", "sad"), ("g", "happy")):
            clip(mine / f"{name}.wav")
            table.write(f"{name}.wav,{emotion}\n")
    return mine


@pytest.fixture
def workspace(checkout: Path, tmp_path: Path, mine: Path) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    for name in ("src", "stages"):
        shutil.copytree(checkout / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "dvc.yaml", root)
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    params["corpus"] = {"name": "mine", "reader": "table"}
    params["labels"] = {"classes": ["happy", "sad"], "merge": {}}
    params["protocol"] |= {"name": "stratified_k_fold", "folds": 3}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return root


def run(workspace: Path, script: str, corpus: Path, *options: str) -> tuple[int, str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MFSN_", "DVC_"))}
    done = subprocess.run(
        [sys.executable, *options, f"stages/{script}.py"],
        cwd=workspace,
        env=kept | {"MFSN_CORPUS_MINE": str(corpus), "MFSN_STORE": str(workspace / "store")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def outputs(workspace: Path) -> dict[str, bytes]:
    paths = (path for path in (workspace / "data").rglob("*") if path.is_file())
    return {path.relative_to(workspace).as_posix(): path.read_bytes() for path in paths}


def test_scan_and_prepare_write_the_same_bytes_twice(workspace: Path, mine: Path) -> None:
    written = []
    for _ in range(2):
        for script in ("scan", "prepare"):
            status, out, err = run(workspace, script, mine)
            assert status == 0, err
            assert out.startswith(f"{script}: ")
        written.append(outputs(workspace))
        shutil.rmtree(workspace / "data")
    assert written[0] == written[1]
    extractors = ("sec", "tec", "spectrogram", "mfcc", "functionals")
    stages = ("prepare", "segment", "search", "train", "evaluate", "report")
    keys = [*stages, *(f"extract-{name}" for name in extractors)]
    assert set(written[0]) == {f"data/code/{key}.json" for key in keys} | {
        f"data/prepared/mine/{name}" for name in ("files.tsv", "manifest.parquet", "excluded.json")
    }
    assert not any(str(workspace).encode() in content for content in written[0].values())
    hashed = written[0]["data/code/prepare.json"].decode()
    assert "mfsn/corpora/readers/data/table.yaml" in hashed  # label maps belong to prepare
    assert "mfsn.corpora.readers.table" in hashed


def test_scan_imports_nothing_heavy(workspace: Path, mine: Path) -> None:
    status, _, err = run(workspace, "scan", mine, "-X", "importtime")
    assert status == 0
    imported = {line.rpartition("|")[2].strip() for line in err.splitlines()}
    assert "mfsn.corpora.preparing.scan" in imported
    assert not imported & set(HEAVY)


def test_a_missing_corpus_ends_in_one_sentence(workspace: Path, tmp_path: Path) -> None:
    status, _, err = run(workspace, "scan", tmp_path / "nowhere")
    assert status == 1
    assert err.startswith("scan: corpus mine: ")
    assert len(err.splitlines()) == 1
    assert not (workspace / "data").exists()


def code(workspace: Path, key: str) -> dict[str, str]:
    read: dict[str, str] = json.loads((workspace / "data" / "code" / f"{key}.json").read_text())
    return read


def test_a_checkpoint_retrained_in_place_changes_what_its_extractor_depends_on(
    workspace: Path, mine: Path
) -> None:
    weights = workspace / "encoder" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"first")
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    params["sec"]["model"] = "./encoder"
    (workspace / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run(workspace, "scan", mine)
    before = {key: code(workspace, key) for key in ("extract-sec", "extract-tec", "search")}
    weights.write_bytes(b"other")
    run(workspace, "scan", mine)
    changed = {key for key, hashes in before.items() if code(workspace, key) != hashes}
    assert changed == {"extract-sec"}
    assert "sec.model: model.safetensors" in before["extract-sec"]
