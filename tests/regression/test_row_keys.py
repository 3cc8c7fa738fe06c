"""Rows keep their keys: those of the first stores, whose recipes held sentences, included.

The directories and keys were made by version 0.1.0, those of the first group for the demo corpus.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mfsn.config import Config
from mfsn.features.base import store_spec
from mfsn.features.config import EncoderConfig, FunctionalsConfig, MfccConfig, SpectrogramConfig
from mfsn.features.registry import make_extractor
from mfsn.segments.config import Reading, SegmentConfig
from mfsn.segments.waves import segment_recipe, wave_spec
from mfsn.store.digest import Digest
from mfsn.store.layout import create, load, plan
from mfsn.store.spec import ArraySpec, StoreSpec

AUDIO = "e823856a8a617877b9a4acfcce4934845c7be2918f22308af13ce1167cd77616"
"""Of the demo's recording v01-angry-angry-long-3, which has two segments."""

DATA2VEC, WAV2VEC2 = "random/data2vec-audio-demo", "random/wav2vec2-demo"
SEC = {"model": DATA2VEC, "levels": {"low": 1, "mid": 2, "high": 4}}
TEC = {"model": WAV2VEC2, "levels": {"last": -1}}


def encoder(values: Mapping[str, Any], **more: Any) -> EncoderConfig:
    return EncoderConfig.parse({**values, **more}, "test")


Case = tuple[str, Config, Reading, str, str]
CASES: list[Case] = [
    ("sec", encoder(SEC), "fixed", "sec/a0942dee8eb4",
     "849355ecc6c958f70efb52855c25ae75c0388533c871975592ac7a490f0765b6"),
    ("tec", encoder(TEC), "fixed", "tec/4dba54a65d61",
     "648aeb86af8ddf78ac9b8f5816876214224a0d4af63265b8be35070b44d040fc"),
    ("spectrogram", SpectrogramConfig(), "fixed", "spectrogram/b81dc6e3db42",
     "6af8597698496d9c0c90ef8fca288a9ce24c3595f66a5014ed3bd5b12fa76941"),
    ("mfcc", MfccConfig(), "fixed", "mfcc/dee9e9bc96ba",
     "eddc96cee433ff726a49ffd8caeeb4a888731540b9907b09362e3412640cb988"),
    ("functionals", FunctionalsConfig(), "fixed", "functionals/e5f048355f43",
     "f293c5442aab094c329e9797d6870c1de1c9bac69be2d8a65c95ed1578463da0"),
    ("tec", encoder(TEC, precision="bfloat16"), "fixed", "tec/001b7b2e6f37", ""),
    ("tec", encoder(TEC, frames="mean"), "fixed", "tec/3d7109cc8da7", ""),
    ("tec", encoder(TEC, context="segment"), "fixed", "tec/4dba54a65d61", ""),
    ("tec", encoder(TEC, model="random/whisper-demo", context="segment"), "fixed",
     "tec/929fd41d015e", ""),
    ("mfcc", MfccConfig(), "as_published", "mfcc/064ff12e7b1d", ""),
    ("sec", encoder(SEC), "as_published", "sec/d6a389cef7f2", ""),
]  # fmt: skip

SCHEMA_1 = {
    "extractor": "mfcc",
    "parameters": {
        "coefficients": 40, "dtype": "float32", "hop_ms": 10.0, "mel_bins": 128, "n_fft": 2048,
        "top_db": 80.0,
    },
    "segment": {
        "cut": "consecutive, last padded at the end", "decoding": 1, "duration_s": 3.0,
        "sample_rate_hz": 16000,
    },
    "version": 1,
}  # fmt: skip
"""The recipe of mfcc/dee9e9bc96ba as it was written."""
MFCC = (ArraySpec("mfcc", (300, 40), "float32", ("frame", "coefficient")),)


@pytest.fixture(autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One folder for the random checkpoints of all tests."""
    monkeypatch.setenv("MFSN_STORE", str(tmp_path_factory.getbasetemp() / "checkpoints-of-keys"))


def spec_of(name: str, config: Config, reading: Reading) -> StoreSpec:
    segment = SegmentConfig(reading=reading)
    cut = (segment.sample_rate_hz, segment.samples, reading)
    return store_spec(make_extractor(name, config, *cut), segment_recipe(segment))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[3])
def test_rows_of_the_first_stores_keep_their_keys(case: Case) -> None:
    name, config, reading, directory, key = case
    spec = spec_of(name, config, reading)
    assert spec.directory == directory
    if key:
        start = 0 if name == "functionals" else 48_000
        assert spec.row_key(AUDIO, start) == key


def test_waves_keep_their_keys() -> None:
    spec = wave_spec(SegmentConfig())
    assert spec.directory == "waveform/731f182b09c9"
    key = "7aa03fb4b1bace65bfd5a541abb604d66134c6f85312b3f813201fa317ff9a70"
    assert spec.row_key(AUDIO, 48_000) == key


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[3])
def test_recipes_hold_numbers_and_codes_and_no_sentences(case: Case) -> None:
    found = list(leaves(spec_of(*case[:3]).recipe))
    assert any(value == "float16" or value == "float32" for _, value in found)
    for name, value in found:
        if isinstance(value, str):
            is_hash = name == "weights" and len(value) == 64
            assert is_hash or (len(value) <= 24 and " " not in value), (name, value)
        else:
            assert value is None or isinstance(value, int | float), (name, value)


def test_a_digest_with_sentences_names_the_same_rows(tmp_path: Path) -> None:
    """And says so in codes when it is written again."""
    path = tmp_path / "mfcc.json"
    array = {"name": "mfcc", "shape": [300, 40], "dtype": "float32", "dims": list(MFCC[0].dims)}
    rows = {"a#0": CASES[3][4]}
    content = {
        "schema": 1, "extractor": "mfcc", "store": "mfcc/dee9e9bc96ba", "recipe": SCHEMA_1,
        "arrays": [array], "about": {}, "rows": rows,
    }  # fmt: skip
    path.write_text(json.dumps(content))
    digest = Digest.read(path)
    assert digest.spec == spec_of("mfcc", MfccConfig(), "fixed")
    digest.write(path)
    assert json.loads(path.read_text())["recipe"]["segment"]["cut"] == 1
    assert Digest.read(path) == digest


def test_a_directory_with_sentences_is_opened(tmp_path: Path) -> None:
    planned = plan(tmp_path, spec_of("mfcc", MfccConfig(), "fixed"))
    create(planned, {})
    described = planned.path / "zarr.json"
    content = json.loads(described.read_text())
    assert content["attributes"]["mfsn"]["recipe"]["segment"]["cut"] == 1
    content["attributes"]["mfsn"] |= {"schema": 1, "recipe": SCHEMA_1}
    described.write_text(json.dumps(content))
    assert load(planned.path) == planned


def leaves(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(values, Mapping):
        for key, value in values.items():
            assert " " not in key
            yield from leaves(value, key)
    elif isinstance(values, list | tuple):
        for value in values:
            yield from leaves(value, name)
    else:
        yield name, values
