"""A toy checkout with cached features, and a small demo that the real stages have run on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

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
