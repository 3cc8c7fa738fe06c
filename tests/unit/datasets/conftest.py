"""A toy checkout with cached features, and a small demo that the real stages have run on."""

from __future__ import annotations

import os
import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.corpora.demo.plan import plan_demo
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import OWN_STAGE, Outputs

SEGMENT = {"duration_s": 0.5, "sample_rate_hz": 16_000}
ARRAYS = {
    "sec": tuple(ArraySpec(n, (5, 2), "float16", ("frame", "feature")) for n in ("low", "high")),
    "functionals": (ArraySpec("functionals", (3,), "float32", ("functional",)),),
    "count": (ArraySpec("count", (2,), "int64", ("bin",)), ArraySpec("max", (), "float32", ())),
}
UTTERANCES_HERE = ("b", "a", "c")
SEGMENT_IDS = ("b#0", "b#1", "a#0", "c#0")


def write_tables(outputs: Outputs) -> None:
    manifest = pd.DataFrame(
        {
            "utterance_id": UTTERANCES_HERE,
            "path": UTTERANCES_HERE,
            "audio_sha256": UTTERANCES_HERE,
            "speaker": ["s1", None, "s2"],
            "emotion": ["sad", "angry", "sad"],
            "duration_s": 1.0,
            "licence": "none",
        }
    )
    manifest = manifest.reindex(columns=UTTERANCES.names).astype(
        {"valence": float, "arousal": float, "dominance": float}
    )
    write_table(outputs.manifest, manifest, UTTERANCES)
    segments = pd.DataFrame(
        {
            "segment_id": SEGMENT_IDS,
            "utterance_id": [name[0] for name in SEGMENT_IDS],
            "index": [0, 1, 0, 0],
            "start_sample": [0, 8000, 0, 0],
            "valid_samples": [8000, 1601, 8000, 1600],
            "clipped_samples": 0,
            "audio_sha256": "x",
            "row_key": "k",
        }
    )
    write_table(outputs.segments, segments, SEGMENTS)


def values(array: ArraySpec, name: str) -> Any:
    seed = [ord(letter) for letter in array.name + name]
    return (np.random.default_rng(seed).normal(size=array.shape) * 100).astype(array.dtype)


@pytest.fixture
def stored() -> Callable[[str, str], Any]:
    """The values that are in the store, by the name of an array and the id of a row."""
    by_name = {array.name: array for arrays in ARRAYS.values() for array in arrays}
    return lambda array, name: values(by_name[array], name)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a corpus of three utterances, features in its own store."""
    for name in ("MFSN_STORE", "DVC_ROOT"):
        monkeypatch.delenv(name, raising=False)
    checkout = tmp_path / "checkout"
    (checkout / "src").mkdir(parents=True)
    (checkout / "dvc.yaml").write_text(OWN_STAGE)
    outputs = Outputs(checkout, "toy", "")
    write_tables(outputs)
    for extractor, arrays in ARRAYS.items():
        ids = UTTERANCES_HERE if extractor == "functionals" else SEGMENT_IDS
        spec = StoreSpec(extractor, {"segment": SEGMENT}, arrays)
        with Store(checkout / "data" / "store", spec).writer() as writer:
            rows = {a.name: np.stack([values(a, name) for name in ids]) for a in arrays}
            writer.append([spec.row_key(name, 0) for name in ids], rows)
        about = {"weights": "pretrained"} if extractor == "sec" else {}
        digest = Digest.of(spec, about, {name: spec.row_key(name, 0) for name in ids})
        digest.write(outputs.digest(extractor))
    monkeypatch.chdir(checkout / "src")
    return checkout


STAGES = ("scan", "prepare", "segment", "extract sec", "extract mfcc", "extract functionals",
          "search", "train", "evaluate")  # fmt: skip


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """A workspace whose stages have run: 48 utterances of the demo, and the classical baseline."""
    root = tmp_path_factory.mktemp("demo")
    (root / "stages").symlink_to(checkout / "stages")
    (root / "src").symlink_to(checkout / "src")
    shutil.copy(checkout / "dvc.yaml", root)
    write_params(root, checkout)
    spoken = [
        utterance
        for utterance in plan_demo()
        if utterance.speaker <= "v06" and re.search("-sad-(short|long)-", utterance.name)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mfsn.corpora.demo.speech.plan_demo", lambda: spoken)
        patch.syspath_prepend(checkout / "stages")
        enter(root, patch)
        for stage in STAGES:
            patch.setattr("sys.argv", stage.split())
            script = checkout / "stages" / f"{stage.split()[0]}.py"
            runpy.run_path(str(script), run_name="__main__")
    return root


def write_params(root: Path, checkout: Path) -> None:
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    params |= {"system": "classical", "experiment": "first"}
    params["extract"] |= {"unread": True}
    params["prepare"] |= {"require_complete": False}
    params["evaluate"] |= {"interval_draws": 20}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def enter(root: Path, patch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(("MFSN_", "DVC_"))]:
        patch.delenv(variable)
    patch.setenv("MFSN_THREADS", "1")
    patch.setenv("MFSN_JOBS", "1")
    patch.chdir(root)


@pytest.fixture
def in_demo(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace of `demo`, which is also the current folder."""
    enter(demo, monkeypatch)
    return demo
