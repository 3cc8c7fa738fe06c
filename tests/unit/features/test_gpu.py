"""What runs on a GPU: its arithmetic here, the rest where there is one."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from transformers import Wav2Vec2FeatureExtractor

from mfsn.features.base import Extractor
from mfsn.features.config import EncoderConfig, MfccConfig, SpectrogramConfig
from mfsn.features.device import BATCH_ROWS, Captured, normalised
from mfsn.features.registry import make_extractor

Waves = npt.NDArray[np.float32]
SAMPLES = 8_000
VALID = np.array([SAMPLES, 5_000, 400, 1, SAMPLES, 7_000, 300, SAMPLES])
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def encoder(kind: str, precision: str) -> EncoderConfig:
    levels = {"low": 1, "high": 4}
    values = {"model": f"random/{kind}-demo", "levels": levels, "precision": precision}
    return EncoderConfig.parse(values, "test")


EXTRACTORS: dict[str, Any] = {
    "sec float32": encoder("data2vec-audio", "float32"),
    "sec bfloat16": encoder("data2vec-audio", "bfloat16"),
    "tec float32": encoder("wav2vec2", "float32"),
    "tec bfloat16": encoder("wav2vec2", "bfloat16"),
    "spectrogram": SpectrogramConfig(),
    "mfcc": MfccConfig(),
}


@pytest.mark.parametrize("padding", [0.0, 0.5])
def test_waves_are_normalised_as_the_preprocessor_does(waves: Waves, padding: float) -> None:
    heard = [SAMPLES, 5_000, 400, 1, SAMPLES - 1]
    preprocessor = Wav2Vec2FeatureExtractor(padding_value=padding)
    given = waves[: len(heard)] + np.float32(0.1)
    found = normalised(torch.from_numpy(given), torch.tensor(heard), padding).numpy()
    for row, samples in enumerate(heard):
        expected = preprocessor(given[row, :samples], sampling_rate=16_000)["input_values"][0]
        np.testing.assert_allclose(found[row, :samples], expected, rtol=1e-4, atol=1e-4)
        assert (found[row, samples:] == padding).all()


def test_what_cannot_be_captured_is_called_as_it_is(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    def double(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"twice": 2 * inputs["values"]}

    monkeypatch.setattr(torch.cuda, "Stream", refuse)
    captured = Captured(double)
    with caplog.at_level(logging.INFO):
        for value in (1.0, 3.0):
            assert captured({"values": torch.tensor(value)})["twice"] == 2 * value
    assert caplog.text.count("CUDA says: operation not permitted") == 1


@needs_gpu
@pytest.mark.parametrize("name", EXTRACTORS)
def test_rows_are_those_of_the_cpu_within_the_tolerance(
    name: str, store: Path, waves: Waves, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = make(name, "cpu", monkeypatch), make(name, "cuda", monkeypatch)
    assert (there.batch_rows, there.parameters) == (BATCH_ROWS, here.parameters)
    expected, found = extract(here, waves), extract(there, waves)
    for array, rows in expected.items():
        wide = rows.astype(np.float64)
        difference = np.abs(found[array].astype(np.float64) - wide)
        assert difference.max() <= here.tolerance * np.abs(wide).max()


@needs_gpu
@pytest.mark.parametrize("name", EXTRACTORS)
def test_rows_of_a_gpu_do_not_depend_on_the_batch(
    name: str, store: Path, waves: Waves, monkeypatch: pytest.MonkeyPatch
) -> None:
    extractor = make(name, "cuda", monkeypatch)
    forwards, backwards = extract(extractor, waves), extract(extractor, waves, range(7, -1, -1))
    for array, rows in forwards.items():
        assert rows.tobytes() == backwards[array][::-1].tobytes()


@needs_gpu
def test_a_forward_pass_is_captured(
    store: Path, waves: Waves, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        extract(make("sec bfloat16", "cuda", monkeypatch), waves)
    assert "kernel by kernel" not in caplog.text


def make(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> Extractor:
    monkeypatch.setenv("MFSN_DEVICE", device)
    return make_extractor(name.partition(" ")[0], EXTRACTORS[name], 16_000, SAMPLES)


def extract(
    extractor: Extractor, waves: Waves, order: Sequence[int] = range(8)
) -> dict[str, npt.NDArray[Any]]:
    """Rows of eight waves, the same eight over and over in a larger batch."""
    chosen = np.resize(order, extractor.batch_rows)
    return {
        name: values[:8] for name, values in extractor.extract(waves[chosen], VALID[chosen]).items()
    }
