"""One pass serves SEC and TEC where their encoder is the same; every pass is counted."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile
import torch
from torch.nn.modules.module import register_module_forward_hook

from mfsn.encoders.whisper import LogMel
from mfsn.errors import ExtractorVersionError
from mfsn.features.base import Together, store_spec
from mfsn.features.config import EncoderConfig
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.in_memory import extract_each, load_recordings
from mfsn.features.extraction.notes import Check
from mfsn.features.extraction.together import extract_together
from mfsn.features.extractors.encoder import EncoderExtractor, SecExtractor, TecExtractor
from mfsn.prediction.loading import remake_extractors
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus, segment_recipe
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.lock import exclusive
from mfsn.store.store import Store

CUT = SegmentConfig(duration_s=0.5)
LENGTHS = {"a": 4_000, "b": 16_000, "c": 17_000, "d": 30_000}
SEGMENTS = 1 + 2 + 3 + 4
BATCHES = 2
"""Calls with eight segments each."""


class Passes:
    """Counts the passes of encoders while it is open."""

    _ENCODERS: ClassVar = ("Wav2Vec2Model", "Data2VecAudioModel", "WhisperEncoder")

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Passes:
        self._hook = register_module_forward_hook(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _see(self, module: torch.nn.Module, *_: Any) -> None:
        self.count += type(module).__name__ in self._ENCODERS


@pytest.fixture
def root(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 4)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    yield store


@pytest.fixture
def segments(root: Path, tmp_path: Path) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    for name, samples in LENGTHS.items():
        noise = rng.normal(0, 3000, samples).astype(np.int16)
        soundfile.write(tmp_path / f"{name}.wav", noise, 16_000)
        rows.append((name, f"{name}.wav", sha_of(tmp_path / f"{name}.wav")))
    manifest = pd.DataFrame(rows, columns=["utterance_id", "path", "audio_sha256"])
    return segment_corpus(manifest, tmp_path, CUT, root)


def sha_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def config(model: object, levels: Mapping[str, int], **more: Any) -> EncoderConfig:
    return EncoderConfig.parse({"model": str(model), "levels": levels, **more}, "test")


SEC = {"low": 1, "high": 3}
TEC = {"last": -1}


def sec_of(model: object, **more: Any) -> EncoderExtractor:
    return SecExtractor(config(model, SEC, **more), 16_000, CUT.samples)


def tec_of(model: object, **more: Any) -> EncoderExtractor:
    return TecExtractor(config(model, TEC, **more), 16_000, CUT.samples)


def both(model: object, **more: Any) -> Together:
    together = sec_of(model, **more).together_with("tec", config(model, TEC, **more))
    assert together is not None
    return together


def values(root: Path, digest: Digest) -> dict[str, npt.NDArray[Any]]:
    return Store(root, digest.spec).read([digest.rows[name] for name in sorted(digest.rows)])


MODELS = {
    "random/wav2vec2-demo": BATCHES,
    "random/data2vec-audio-demo": BATCHES,
    "random/whisper-demo": len(LENGTHS),  # a pass per utterance
}


@pytest.mark.parametrize("model", MODELS)
def test_a_pass_gives_the_rows_of_both(root: Path, segments: pd.DataFrame, model: str) -> None:
    together = both(model)
    with Passes() as passes:
        found = extract_together(together, segments, CUT, root)
    assert passes.count == MODELS[model]
    apart = root.parent / "apart"
    shutil.copytree(root / "waveform", apart / "waveform")
    for name, make in (("sec", sec_of), ("tec", tec_of)):
        alone = extract(make(model), segments, CUT, apart)
        assert found[name] == alone
        assert len(alone.rows) == SEGMENTS
        for array, rows in values(apart, alone).items():
            np.testing.assert_array_equal(values(root, found[name])[array], rows)


def test_the_second_extraction_computes_nothing(root: Path, segments: pd.DataFrame) -> None:
    """As the stages do it: the first one notes for both what it made."""
    model = "random/wav2vec2-demo"
    configs = {"sec": config(model, SEC), "tec": config(model, TEC)}
    together = both(model)
    for extractor in together.extractors:
        digest = extract_together(together, segments, CUT, root)[extractor.name]
        Check.of(extractor.name, configs[extractor.name], CUT, root).note(extractor, digest)
    with Passes() as passes:
        found = Check.of("tec", configs["tec"], CUT, root).digest(segments)
    assert passes.count == 0
    assert found is not None
    assert found.rows.keys() == set(segments["segment_id"])


def test_other_levels_of_one_compute_nothing_of_the_other(
    root: Path, segments: pd.DataFrame
) -> None:
    model = "random/wav2vec2-demo"
    first = extract_together(both(model), segments, CUT, root)
    shards = sorted((root / first["sec"].store).rglob("c.*"))
    before = [path.stat().st_mtime_ns for path in shards]
    other = sec_of(model).together_with("tec", config(model, {"early": 2}))
    assert other is not None
    second = extract_together(other, segments, CUT, root)
    assert second["sec"] == first["sec"]
    assert second["tec"].store != first["tec"].store
    assert [path.stat().st_mtime_ns for path in shards] == before


def test_only_what_one_of_them_lacks_is_computed(root: Path, segments: pd.DataFrame) -> None:
    model = "random/whisper-demo"
    extract(sec_of(model), segments[:3], CUT, root)  # a and b
    extract(tec_of(model), segments[:1], CUT, root)  # a
    together = both(model)
    with Passes() as passes:
        found = extract_together(together, segments, CUT, root)
    compared, made = 2 + 1, len({"b", "c", "d"})
    assert passes.count <= compared + made
    assert all(len(digest.rows) == SEGMENTS for digest in found.values())
    assert not Store(root, found["tec"].spec).missing(list(found["tec"].rows.values()))


def test_a_changed_extractor_is_noticed_in_either_place(
    root: Path, segments: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = "random/wav2vec2-demo"
    extract(tec_of(model), segments[:4], CUT, root)
    rows = TecExtractor.rows
    monkeypatch.setattr(
        TecExtractor, "rows", lambda *given: {n: 2 * r for n, r in rows(*given).items()}
    )
    with pytest.raises(ExtractorVersionError, match="tec: array last"):
        extract_together(both(model), segments, CUT, root)


def test_what_another_process_is_writing_is_left_to_it(
    root: Path, segments: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_WAIT", "600")  # for the first one only
    model = "random/wav2vec2-demo"
    together = both(model)
    tec = together.extractors[1]
    spec = extract(tec, segments[:0], CUT, root).spec
    with exclusive(root / spec.directory):
        found = extract_together(together, segments, CUT, root)
    assert found.keys() == {"sec"}
    assert not Store(root, found["sec"].spec).missing(list(found["sec"].rows.values()))
    assert not Store(root, spec).committed()


def test_a_copy_of_the_checkpoint_is_the_same_encoder(make_checkpoint: Any, tmp_path: Path) -> None:
    folder = make_checkpoint()
    shutil.copytree(folder, tmp_path / "copy")
    sec = SecExtractor(config(folder, {"low": 1}), 16_000, CUT.samples)
    assert sec.together_with("tec", config(tmp_path / "copy", TEC)) is not None
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"retrained")
    assert sec.together_with("tec", config(tmp_path / "copy", TEC)) is None


@pytest.mark.parametrize(
    "change",
    [{"precision": "bfloat16"}, {"dtype": "float32"}, {"frames": "mean"}, {"context": "utterance"},
     {"model": "random/data2vec-audio-demo"}],
)  # fmt: skip
def test_whatever_else_differs_takes_a_pass_of_its_own(store: Path, change: dict[str, Any]) -> None:
    values = {"model": "random/wav2vec2-demo"} | change
    other = config(values.pop("model"), TEC, **values)
    assert sec_of("random/wav2vec2-demo").together_with("tec", other) is None


def test_context_null_is_what_it_stands_for(store: Path) -> None:
    sec = sec_of("random/whisper-demo")
    named = config("random/whisper-demo", TEC, context="utterance")
    assert sec.together_with("tec", named) is not None
    assert sec.together_with("mfcc", cast(Any, named)) is None


def test_whisper_takes_a_pass_per_utterance_instead_of_one_per_segment(
    root: Path, segments: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, apart = tec_of("random/whisper-demo"), tec_of("random/whisper-demo", context="segment")
    spectrograms, compute = [], LogMel.__call__

    def count(log_mel: LogMel, waves: Any, heard: Any) -> torch.Tensor:
        spectrograms.append(waves)
        return compute(log_mel, waves, heard)

    monkeypatch.setattr(LogMel, "__call__", count)
    with Passes() as passes:
        extract(whole, segments, CUT, root)
    assert passes.count == len(spectrograms) == len(LENGTHS)
    with Passes() as passes:
        extract(apart, segments, CUT, root)
    assert passes.count * apart.batch_rows >= SEGMENTS


def test_recordings_go_through_a_shared_encoder_once() -> None:
    """What `mfsn predict` does with a model whose SEC and TEC have the same encoder."""
    sec = SecExtractor(config("random/wav2vec2-demo", {"low": 1, "high": 4}), 16_000, CUT.samples)
    tec = TecExtractor(config("random/wav2vec2-demo", {"last": -1}), 16_000, CUT.samples)
    wave = np.random.default_rng(1).normal(0, 0.1, 20_000).astype(np.float32)
    group, _ = load_recordings((wave, 16_000), CUT)
    alone = extract_each({"sec": sec, "tec": tec}, group)
    kept = {
        each.name: {"about": each.about, "recipe": store_spec(each, segment_recipe(CUT)).recipe}
        for each in (sec, tec)
    }
    named = {name: {"model": "random/wav2vec2-demo"} for name in kept}
    said: list[str] = []
    made = remake_extractors({"features": kept, "encoders": named}, CUT, said.append)
    assert said == [
        "loading sec: random/wav2vec2-demo",
        "tec: the encoder that is loaded already",
    ]
    with Passes() as passes:
        found = extract_each(made, group)
    assert passes.count == 1
    assert list(found) == ["sec", "tec"]
    for name, rows in alone.items():
        for array, values in rows.items():
            np.testing.assert_array_equal(found[name][array], values)
