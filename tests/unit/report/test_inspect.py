"""The picture of one utterance: what it is drawn from, and the file that comes out."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml

from mfsn.cache.digest import Digest
from mfsn.cache.spec import ArraySpec, StoreSpec
from mfsn.cache.store import Store
from mfsn.errors import CacheError, ManifestError, MissingRowError
from mfsn.features.waveform import waveform_store
from mfsn.manifest import (
    SEGMENTS,
    UTTERANCES,
    predictions_schema,
    segment_predictions_schema,
    write_table,
)
from mfsn.params import Params, load_params, outputs_of
from mfsn.report import picture
from mfsn.report.inspect import inspect_utterance
from mfsn.report.utterance import Utterance, gather
from mfsn.workspace import Outputs

LENGTHS = {"one/clip$1$": [160, 160, 40], "one/clip2": [90]}
"""Valid samples of the segments of each utterance; a segment has 160."""
CLASSES = ["calm", "tense"]
FEATURES = {
    "spectrogram": [ArraySpec("level_db", (10, 5), "float16", ("frame", "bin")),
                    ArraySpec("max_db", (), "float32", ())],
    "mfcc": [ArraySpec("mfcc", (10, 4), "float32", ("frame", "coefficient"))],
    "sec": [ArraySpec(name, (7, 3), "float16", ("frame", "feature"))
            for name in ("low", "mid", "high")],
    "tec": [ArraySpec("last", (7, 3), "float16", ("frame", "feature"))],
}  # fmt: skip


@dataclass(frozen=True)
class Extracted:
    """A workspace up to and including `extract`."""

    workspace: Path
    params: Params
    outputs: Outputs
    store: Path

    def gather(self, utterance_id: str) -> Utterance:
        return gather(self.workspace, self.params, utterance_id)

    def inspect(self, utterance_id: str, out: Path) -> None:
        inspect_utterance(self.workspace, self.params, utterance_id, out)


@pytest.fixture
def extracted(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Extracted:
    """Two utterances with made-up features; segments of 0.1 s at 1600 Hz."""
    values = yaml.safe_load((checkout / "params.yaml").read_text("utf-8"))
    values["segment"] = {"duration_s": 0.1, "sample_rate_hz": 1600}
    values["labels"]["classes"] = CLASSES
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    shutil.copy(checkout / "dvc.yaml", tmp_path)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    params = load_params(tmp_path)
    made = Extracted(tmp_path, params, outputs_of(params, tmp_path), tmp_path / "store")
    write_table(made.outputs.manifest, make_manifest(), UTTERANCES)
    segments = make_segments(made)
    write_table(made.outputs.segments, segments, SEGMENTS)
    for name, arrays in FEATURES.items():
        write_features(made, name, arrays, list(segments["segment_id"]))
    return made


def make_manifest() -> pd.DataFrame:
    columns = dict.fromkeys(UTTERANCES.names)
    rows = [
        columns
        | {
            "utterance_id": name,
            "path": f"{name}.wav",
            "audio_sha256": f"{number:064x}",
            "emotion": CLASSES[number],
            "transcript": "10 $ or 20 $ 漢字" if number == 0 else None,
            "duration_s": sum(LENGTHS[name]) / 1600,
            "licence": "none",
        }
        for number, name in enumerate(LENGTHS)
    ]
    return pd.DataFrame(rows)


def make_segments(made: Extracted) -> pd.DataFrame:
    """The segment table; waves go to the store, where sample i of an utterance has the value i."""
    store = waveform_store(made.params.segment, made.store)
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


def write_features(made: Extracted, name: str, arrays: list[ArraySpec], ids: list[str]) -> None:
    """Rows and digest of an extractor; row i of an array holds i + 1 everywhere."""
    spec = StoreSpec(name, {"toy": 1}, tuple(arrays))
    keys = [spec.row_key(segment, 0) for segment in ids]
    rows = {array.name: constant_rows(len(ids), array) for array in arrays}
    with Store(made.store, spec).writer() as writer:
        writer.append(keys, rows)
    Digest.of(spec, {}, dict(zip(ids, keys, strict=True))).write(made.outputs.digest(name))


def constant_rows(count: int, array: ArraySpec) -> npt.NDArray[Any]:
    values = np.arange(1, count + 1).reshape(-1, *([1] * len(array.shape)))
    return np.broadcast_to(values, (count, *array.shape)).astype(array.dtype)


def write_predictions(made: Extracted, name: str, *, whole: bool = False) -> None:
    """Two seeds, of which the second is certain, and another selection rule that is not shown."""
    keys = {"utterance_id": name, "fold": "f1", "label": "calm", "run": "cafe"}
    ids = [f"{name}#all"] if whole else [f"{name}#{i}" for i in range(len(LENGTHS[name]))]
    decided, pieces = [], []
    for rule, seed, calm in (("held_out", 0, 0.6), ("held_out", 1, 0.9), ("last_epoch", 0, 0.1)):
        row = keys | {"seed": seed, "selection": rule}
        posteriors = {"posterior_calm": calm, "posterior_tense": 1 - calm}
        decided.append(row | posteriors | {"predicted": "calm"})
        logs = {f"log_{key}": np.log(value) for key, value in posteriors.items()}
        pieces += [row | logs | {"segment_id": i, "valid_samples": 160} for i in ids]
    outputs = made.outputs
    write_table(outputs.predictions, pd.DataFrame(decided), predictions_schema(CLASSES))
    schema = segment_predictions_schema(CLASSES)
    write_table(outputs.segment_predictions, pd.DataFrame(pieces), schema)


def test_the_wave_is_whole_and_without_padding(extracted: Extracted) -> None:
    wave = extracted.gather("one/clip$1$").wave
    np.testing.assert_allclose(wave * 32768, np.arange(360))


def test_features_are_those_of_the_utterances_segments_in_order(extracted: Extracted) -> None:
    found = extracted.gather("one/clip$1$")
    assert found.spectrogram_db.shape == (3, 10, 5)
    np.testing.assert_array_equal(found.mfcc[:, 0, 0], [1, 2, 3])
    np.testing.assert_array_equal(extracted.gather("one/clip2").mfcc[:, 0, 0], [4])


def test_activity_is_the_distance_from_the_mean_of_real_frames(extracted: Extracted) -> None:
    activity = extracted.gather("one/clip$1$").activity
    assert list(activity) == ["SEC low", "SEC mid", "SEC high", "TEC last"]
    # Frames of real audio: 7 of 7 in segments 0 and 1, 2 of 7 in segment 2 (a quarter, rounded up).
    mean = (7 * 1 + 7 * 2 + 2 * 3) / 16
    expected = np.sqrt(3) * np.abs(np.array([1, 2, 3]) - mean)
    np.testing.assert_allclose(activity["SEC mid"], np.repeat(expected[:, None], 7, 1), rtol=1e-6)


def test_before_training_there_is_no_prediction(extracted: Extracted) -> None:
    found = extracted.gather("one/clip2")
    assert found.classes == []
    assert found.segment_posterior_SC.size == 0


def test_predictions_are_means_over_seeds_of_the_rule_that_counts(extracted: Extracted) -> None:
    write_predictions(extracted, "one/clip$1$")
    found = extracted.gather("one/clip$1$")
    assert (found.classes, found.seeds) == (CLASSES, 2)
    np.testing.assert_allclose(found.posterior_C, [0.75, 0.25])
    np.testing.assert_allclose(found.segment_posterior_SC, [[0.75, 0.25]] * 3)


def test_systems_that_decide_whole_utterances_have_one_piece(extracted: Extracted) -> None:
    write_predictions(extracted, "one/clip$1$", whole=True)
    assert extracted.gather("one/clip$1$").segment_posterior_SC.shape == (1, 2)


def test_an_utterance_outside_the_test_folds_has_no_prediction(extracted: Extracted) -> None:
    write_predictions(extracted, "one/clip$1$")
    assert extracted.gather("one/clip2").classes == []


@pytest.mark.parametrize("predicted", [False, True])
def test_the_picture_is_a_png_whatever_the_names(
    extracted: Extracted, tmp_path: Path, predicted: bool
) -> None:
    if predicted:
        write_predictions(extracted, "one/clip$1$")
    out = tmp_path / "pictures" / "clip.png"
    extracted.inspect("one/clip$1$", out)
    assert out.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    height, width, _ = matplotlib.image.imread(out).shape
    assert width > height > 800
    assert [p.name for p in out.parent.iterdir()] == ["clip.png"]


def test_the_same_utterance_gives_the_same_bytes(extracted: Extracted, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        extracted.inspect("one/clip2", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_failed_drawing_leaves_the_old_picture(
    extracted: Extracted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "clip.png"
    out.write_bytes(b"old")

    def broken(_: Utterance) -> None:
        raise MemoryError

    monkeypatch.setattr(picture, "_draw", broken)
    with pytest.raises(MemoryError):
        extracted.inspect("one/clip2", out)
    assert out.read_bytes() == b"old"


def test_an_unknown_utterance_is_refused_with_close_ones(extracted: Extracted) -> None:
    with pytest.raises(ManifestError, match=r"no utterance one/clip3; close ones are one/clip2"):
        extracted.gather("one/clip3")


def test_an_utterance_like_no_other_gets_no_false_hint(extracted: Extracted) -> None:
    with pytest.raises(ManifestError, match=r"no utterance zzz; .*manifest\.parquet"):
        extracted.gather("zzz")


def test_missing_features_name_what_to_run(extracted: Extracted) -> None:
    extracted.outputs.digest("tec").unlink()
    with pytest.raises(CacheError, match="dvc repro"):
        extracted.gather("one/clip2")


def test_rows_lost_from_the_store_are_not_drawn_as_silence(extracted: Extracted) -> None:
    shutil.rmtree(extracted.store / "mfcc")
    with pytest.raises(MissingRowError):
        extracted.gather("one/clip2")
