"""`mfsn.open_features`: rows of a corpus with names, and as a torch Dataset."""

from __future__ import annotations

import importlib.util
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import mfsn
from mfsn.datasets.cached import CorpusFeatures
from mfsn.errors import (
    CacheError,
    CorpusError,
    DamagedRowError,
    ManifestError,
    MfsnError,
    WorkspaceError,
)
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import OWN_STAGE, Outputs

SEGMENT = {"duration_s": 0.5, "sample_rate_hz": 16_000}
ARRAYS = {
    "sec": tuple(ArraySpec(n, (5, 2), "float16", ("frame", "feature")) for n in ("low", "high")),
    "functionals": (ArraySpec("functionals", (3,), "float32", ("functional",)),),
    "count": (ArraySpec("count", (2,), "int64", ("bin",)),),
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
            "start_sample": 0,
            "valid_samples": [8000, 1601, 8000, 1600],
            "clipped_samples": 0,
            "audio_sha256": "x",
            "row_key": "k",
        }
    )
    write_table(outputs.segments, segments, SEGMENTS)


def values(array: ArraySpec, name: str) -> Any:
    seed = [ord(letter) for letter in name]
    return (np.random.default_rng(seed).normal(size=array.shape) * 100).astype(array.dtype)


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
        digest = Digest.of(spec, {}, {name: spec.row_key(name, 0) for name in ids})
        digest.write(outputs.digest(extractor))
    monkeypatch.chdir(checkout / "src")
    return checkout


@pytest.fixture(params=["with xarray", "without xarray"])
def xarray_or_not(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Once as installed here, once as if xarray were missing."""
    if request.param == "without xarray":
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return str(request.param)


def open_toy(extractor: str = "sec") -> CorpusFeatures:
    return mfsn.open_features("toy", extractor)


def coords(rows: Any) -> dict[str, list[Any]]:
    return {str(name): list(coord.values) for name, coord in rows.coords.items()}


def test_an_utterance_has_its_segments_in_order(workspace: Path, xarray_or_not: str) -> None:
    rows: Any = open_toy().of_utterances("b")
    assert type(rows).__name__ == ("Dataset" if xarray_or_not == "with xarray" else "NamedRows")
    assert list(rows) == ["low", "high"]
    for array in ARRAYS["sec"]:
        assert rows[array.name].dims == ("segment", "frame", "feature")
        expected = np.stack([values(array, "b#0"), values(array, "b#1")])
        np.testing.assert_array_equal(rows[array.name].values, expected)
        assert rows[array.name].values.dtype == np.float16
    assert coords(rows) == {
        "segment": ["b#0", "b#1"],
        "utterance": ["b", "b"],
        "index": [0, 1],
        "valid_frames": [5, 2],  # 1,601 of 8,000 samples touch the second of five frames
        "emotion": ["sad", "sad"],
        "label": [1, 1],
        "speaker": ["s1", "s1"],
        "session": ["", ""],
    }
    assert rows.attrs == {"corpus": "toy", "extractor": "sec"}


def test_utterances_stand_in_the_order_asked(workspace: Path, xarray_or_not: str) -> None:
    rows: Any = open_toy().of_utterances(["c", "b"], ["high"])
    assert list(rows) == ["high"]
    assert coords(rows)["segment"] == ["c#0", "b#0", "b#1"]
    assert coords(rows)["valid_frames"] == [1, 5, 2]


def test_segments_can_be_asked_for(workspace: Path) -> None:
    features = open_toy()
    rows: Any = features.of_segments(["a#0", "b#1"])
    assert coords(rows)["segment"] == ["a#0", "b#1"]
    assert coords(rows)["speaker"] == ["", "s1"]
    assert coords(features.of_segments("b#1"))["utterance"] == ["b"]
    selected = rows["high"].sel(segment="b#1")  # what xarray is for
    np.testing.assert_array_equal(selected, values(ARRAYS["sec"][1], "b#1"))


def test_extractors_of_whole_utterances_have_a_row_each(workspace: Path) -> None:
    features = open_toy("functionals")
    rows: Any = features.of_utterances(["c", "b"])
    assert rows["functionals"].dims == ("utterance", "functional")
    assert set(coords(rows)) == {"utterance", "emotion", "label", "speaker", "session"}
    np.testing.assert_array_equal(
        rows["functionals"].sel(utterance="b"), values(ARRAYS["functionals"][0], "b")
    )
    with pytest.raises(CacheError, match="one row an utterance and none a segment"):
        features.of_segments("b#0")
    assert [features.dataset()[place]["id"] for place in range(3)] == ["b", "a", "c"]


def test_what_is_open_says_what_it_is(workspace: Path) -> None:
    features = open_toy()
    assert repr(features) == ("<sec of toy: 4 segments; low (5, 2) float16, high (5, 2) float16>")
    said = "<functionals of toy: 3 utterances; functionals (3,) float32>"
    assert repr(open_toy("functionals")) == said
    assert len(features) == 4
    assert features.classes == ["angry", "sad"]
    assert list(features.table["id"]) == list(SEGMENT_IDS)


def test_another_checkout_can_be_named(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceError, match="is not in a checkout"):
        open_toy()
    assert len(mfsn.open_features("toy", "sec", str(workspace))) == 4


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda: mfsn.open_features("tyo", "sec"), CorpusError, "is not prepared in .*; .* toy"),
        (lambda: open_toy("seq"), CacheError, "no features seq; there are count, functionals, sec"),
        (lambda: open_toy().of_utterances("bb"), ManifestError, "no utterance bb; close .* b"),
        (lambda: open_toy().of_segments("b#2"), ManifestError, "no segment b#2; close ones are b#"),
        (lambda: open_toy().of_utterances("zzz"), ManifestError, "zzz; `.table` lists them"),
        (lambda: open_toy().of_utterances("b", ["mid"]), CacheError, "no array mid; .* low, high"),
        (lambda: open_toy().dataset(["x"]), ManifestError, "no utterance x"),
        (lambda: open_toy().dataset(arrays=["x"]), CacheError, "no array x"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(
    workspace: Path, ask: Any, error: type[MfsnError], says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        ask()
    assert "\n" not in str(raised.value)


def test_a_checkout_without_any_corpus_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dvc.yaml").write_text(OWN_STAGE)
    with pytest.raises(CorpusError, match="run `dvc repro` first"):
        mfsn.open_features("toy", "sec", tmp_path)


def test_items_are_tensors_with_a_label(workspace: Path) -> None:
    dataset = open_toy().dataset(["c", "b"], ["high"])
    assert isinstance(dataset, Dataset)
    assert len(dataset) == 3
    item = dataset[2]
    high = item.pop("high")
    assert high.dtype == torch.float32
    np.testing.assert_array_equal(high, values(ARRAYS["sec"][1], "b#1").astype(np.float32))
    assert item == {"id": "b#1", "utterance": "b", "label": 1, "valid_frames": 2}
    assert open_toy("count").dataset()[0]["count"].dtype == torch.int64


def test_batches_are_collated_in_worker_processes(workspace: Path) -> None:
    loader = DataLoader(open_toy().dataset(), batch_size=3, num_workers=1)
    first, last = loader
    assert first["id"] == ["b#0", "b#1", "a#0"]
    assert first["low"].shape == (3, 5, 2)
    assert first["label"].tolist() == [1, 1, 0]
    assert last["valid_frames"].tolist() == [1]


def test_a_dataset_travels_to_another_process(workspace: Path) -> None:
    dataset = open_toy().dataset()
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[1]["high"], dataset[1]["high"])


def test_a_batch_is_read_at_once(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    original = Store.read

    def noting(self: Store, keys: Any, arrays: Any = None) -> Any:
        reads.append(keys)
        return original(self, keys, arrays)

    dataset = open_toy().dataset()
    monkeypatch.setattr(Store, "read", noting)
    assert len(list(DataLoader(dataset, batch_size=4))) == 1
    assert [len(keys) for keys in reads] == [4]


def cut_off_a_shard(workspace: Path, size: int) -> None:
    (shard,) = workspace.glob("data/store/sec/*/high/c.0.0.0")
    os.truncate(shard, size)


def test_a_shard_cut_off_before_it_is_opened_names_the_repair(workspace: Path) -> None:
    cut_off_a_shard(workspace, 30)
    with pytest.raises(
        MfsnError, match=r"high/c\.0\.0.* has \d+ bytes.*`mfsn cache verify --repair`"
    ):
        open_toy()


def test_a_shard_cut_off_once_open_names_the_repair(workspace: Path) -> None:
    features = open_toy()
    cut_off_a_shard(workspace, 30)
    with pytest.raises(DamagedRowError, match="`mfsn cache verify --repair`"):
        features.of_utterances("c")


def test_a_damaged_row_is_never_given(workspace: Path) -> None:
    features = open_toy()
    (shard,) = workspace.glob("data/store/sec/*/high/c.0.0.0")
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(DamagedRowError):
        features.of_utterances("b")
    with pytest.raises(DamagedRowError):
        features.dataset()[0]
    assert coords(features.of_utterances("c"))["segment"] == ["c#0"]
