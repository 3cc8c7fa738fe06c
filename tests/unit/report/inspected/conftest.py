"""Two utterances with made-up features, as the stages up to `extract` leave them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml

from mfsn.manifest import (
    SEGMENTS,
    UTTERANCES,
    predictions_schema,
    segment_predictions_schema,
    write_table,
)
from mfsn.params import Params, load_params, outputs_of
from mfsn.report.utterance.source import Source, open_source
from mfsn.segments.waves import waveform_store
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import Outputs

LENGTHS = {"one/clip$1$": [160, 160, 40], "one/clip2": [90]}
"""Valid samples of the segments of each utterance; a segment has 160."""
CLASSES = ["calm", "tense"]
VOTES = (("held_out", 0, 0.6), ("held_out", 1, 0.9), ("last_epoch", 0, 0.1))
"""Rule, seed and posterior of calm; everybody decides on calm."""
FEATURES = {
    "spectrogram": [ArraySpec("level_db", (10, 5), "float16", ("frame", "bin")),
                    ArraySpec("max_db", (), "float32", ())],
    "mfcc": [ArraySpec("mfcc", (10, 4), "float32", ("frame", "coefficient"))],
    "sec": [ArraySpec(name, (7, 3), "float16", ("frame", "feature"))
            for name in ("low", "mid", "high")],
    "tec": [ArraySpec("last", (7, 3), "float16", ("frame", "feature"))],
}  # fmt: skip


@pytest.fixture
def params(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Of a checkout in `tmp_path`, which is the current folder; segments of 0.1 s at 1600 Hz."""
    values = yaml.safe_load((checkout / "params.yaml").read_text("utf-8"))
    values["segment"] = {"duration_s": 0.1, "sample_rate_hz": 1600}
    values["labels"]["classes"] = CLASSES
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    shutil.copy(checkout / "dvc.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    return load_params(tmp_path)


@pytest.fixture
def outputs(tmp_path: Path, params: Params) -> Outputs:
    """What the stages up to and including `extract` wrote."""
    outputs = outputs_of(params, tmp_path)
    write_table(outputs.manifest, make_manifest(), UTTERANCES)
    segments = make_segments(params, tmp_path / "store")
    write_table(outputs.segments, segments, SEGMENTS)
    for name, arrays in FEATURES.items():
        path = outputs.digest(name)
        write_features(tmp_path / "store", path, arrays, list(segments["segment_id"]))
    return outputs


@pytest.fixture
def opened(tmp_path: Path, params: Params, outputs: Outputs) -> Callable[[], Source]:
    """Opens what is there at the moment of the call."""
    return lambda: open_source(tmp_path, params)


@pytest.fixture
def predict(outputs: Outputs) -> Callable[..., None]:
    """Writes predictions of utterances, or with `whole` of a system that cuts nothing."""

    def write(*names: str, whole: bool = False) -> None:
        decided, pieces = [], []
        for name in names:
            utterance, segments = make_predictions(name, whole)
            decided += utterance
            pieces += segments
        write_table(outputs.predictions, pd.DataFrame(decided), predictions_schema(CLASSES))
        schema = segment_predictions_schema(CLASSES)
        write_table(outputs.segment_predictions, pd.DataFrame(pieces), schema)

    return write


def make_predictions(name: str, whole: bool) -> tuple[list[Any], list[Any]]:
    ids = [f"{name}#all"] if whole else [f"{name}#{i}" for i in range(len(LENGTHS[name]))]
    decided, pieces = [], []
    for rule, seed, calm in VOTES:
        label = CLASSES[list(LENGTHS).index(name)]
        row: dict[str, Any] = {"utterance_id": name, "fold": "f1", "label": label, "run": "cafe"}
        row |= {"seed": seed, "selection": rule}
        posteriors = {"posterior_calm": calm, "posterior_tense": 1 - calm}
        decided.append(row | posteriors | {"predicted": "calm"})
        logs = {f"log_{key}": np.log(value) for key, value in posteriors.items()}
        pieces += [row | logs | {"segment_id": i, "valid_samples": 160} for i in ids]
    return decided, pieces


def make_manifest() -> pd.DataFrame:
    columns = dict.fromkeys(UTTERANCES.names)
    rows = [
        columns
        | {
            "utterance_id": name,
            "path": f"{name}.wav",
            "audio_sha256": f"{number:064x}",
            "speaker": f"s{number}",
            "emotion": CLASSES[number],
            "transcript": "10 $ </script> 漢字" if number == 0 else None,
            "duration_s": sum(LENGTHS[name]) / 1600,
            "licence": "CC0" if number == 0 else "ask us",
        }
        for number, name in enumerate(LENGTHS)
    ]
    return pd.DataFrame(rows)


def make_segments(params: Params, root: Path) -> pd.DataFrame:
    """The segment table; waves go to the store, where sample i of an utterance has the value i."""
    store = waveform_store(params.segment, root)
    rows = []
    with store.writer() as writer:
        for number, (name, lengths) in enumerate(LENGTHS.items()):
            sha = f"{number:064x}"
            keys = [store.spec.row_key(sha, 160 * i) for i in range(len(lengths))]
            writer.append(keys, make_waves(lengths))
            rows += [
                (f"{name}#{i}", name, i, 160 * i, length, 0, sha, keys[i])
                for i, length in enumerate(lengths)
            ]
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def make_waves(lengths: list[int]) -> dict[str, Any]:
    waves = np.arange(160 * len(lengths), dtype=np.int16).reshape(-1, 160)
    for wave, length in zip(waves, lengths, strict=True):
        wave[length:] = 0
    counts = {"valid_samples": lengths, "clipped_samples": [0] * len(lengths),
              "total_samples": [sum(lengths)] * len(lengths)}  # fmt: skip
    return {"wave": waves, **{name: np.array(v, np.int64) for name, v in counts.items()}}


def write_features(root: Path, path: Path, arrays: list[ArraySpec], ids: Sequence[str]) -> None:
    """Rows and digest of an extractor; row i of an array holds i + 1 everywhere."""
    spec = StoreSpec(path.stem, {"toy": 1}, tuple(arrays))
    keys = [spec.row_key(segment, 0) for segment in ids]
    with Store(root, spec).writer() as writer:
        writer.append(keys, {array.name: constant_rows(len(ids), array) for array in arrays})
    about = {"weights": "random weights"}
    Digest.of(spec, about, dict(zip(ids, keys, strict=True))).write(path)


def constant_rows(count: int, array: ArraySpec) -> npt.NDArray[Any]:
    values = np.arange(1, count + 1).reshape(-1, *([1] * len(array.shape)))
    return np.broadcast_to(values, (count, *array.shape)).astype(array.dtype)
