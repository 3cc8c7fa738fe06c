"""Whisper's encoder rows beside a plain forward pass of transformers, one clip at a time.

Tolerance: as in test_encoder_transformers.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

from mfsn.encoders.whisper import LogMel
from mfsn.errors import ConfigError
from mfsn.features.config import EncoderConfig
from mfsn.features.extractors.encoder import SecExtractor, TecExtractor

SAMPLES = 48_000
FRAMES = 150
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.2}
LENGTHS = np.array([48_000, 48_000, 36_123, 24_000, 1_600, 399, 1, 48_000])
TOKENS = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")
TINY: dict[str, Any] = {
    "d_model": 16, "encoder_layers": 3, "encoder_attention_heads": 2, "encoder_ffn_dim": 32,
    "decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 4, "vocab_size": 2,
    "init_std": 0.2, **dict.fromkeys(TOKENS, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whisper")
    torch.manual_seed(3)
    WhisperModel(WhisperConfig(**TINY)).save_pretrained(path)
    WhisperFeatureExtractor().save_pretrained(path)
    return path


def clips() -> list[npt.NDArray[np.float32]]:
    rng = np.random.default_rng(5)
    return [(0.1 * rng.standard_normal(n)).astype(np.float32) for n in LENGTHS]


def padded() -> npt.NDArray[np.float32]:
    return np.stack([np.pad(clip, (0, SAMPLES - len(clip))) for clip in clips()])


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[list[npt.NDArray[np.float32]]]:
    """Hidden states of each clip alone, as transformers' pages show it."""
    model = WhisperModel.from_pretrained(folder).eval()
    preprocessor = WhisperFeatureExtractor.from_pretrained(folder)
    found = []
    for clip in clips():
        heard = preprocessor(clip, sampling_rate=16_000, return_tensors="pt")["input_features"]
        with torch.no_grad():
            states = model.encoder(heard, output_hidden_states=True).hidden_states
        found.append([state[0, :FRAMES].numpy() for state in states])
    return found


def alone(folder: Path, **more: str) -> SecExtractor:
    """All hidden states of segments that are heard alone."""
    heard = {"levels": "all", "context": "segment", "dtype": "float32"}
    config = EncoderConfig.parse({"model": str(folder), **heard, **more}, "test")
    return SecExtractor(config, 16_000, SAMPLES)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_rows_are_the_hidden_states_of_each_clip_alone(
    folder: Path, expected: list[Any], precision: str
) -> None:
    extractor = alone(folder, precision=precision)
    rows = extractor.extract(padded(), LENGTHS)
    assert [array.shape for array in extractor.arrays] == [(FRAMES, 16)] * 4
    for row, states in enumerate(expected):
        for (name, values), state in zip(rows.items(), states, strict=True):
            difference = np.abs(values[row] - state).max()
            assert difference < TOLERANCE[precision], (name, row)


def test_spectrograms_are_those_of_transformers_alone(folder: Path) -> None:
    preprocessor = WhisperFeatureExtractor.from_pretrained(folder)
    found = LogMel(preprocessor, SAMPLES)(padded(), LENGTHS)
    for row, clip in enumerate(clips()):
        alone = preprocessor(clip, sampling_rate=16_000, return_tensors="pt")["input_features"][0]
        assert torch.allclose(found[row], alone, atol=1e-5), row


def test_means_are_over_the_frames_of_real_audio(folder: Path, expected: list[Any]) -> None:
    rows = alone(folder, frames="mean").extract(padded(), LENGTHS)
    for row in (0, 2, 6):
        frames = max(1, -(-int(LENGTHS[row]) // 320))
        mean = expected[row][2][:frames].mean(axis=0)
        assert np.abs(rows["layer_02"][row, 0] - mean).max() < TOLERANCE["float32"]


def test_it_stands_in_either_place_and_the_decoder_is_no_part_of_it(
    folder: Path, tmp_path: Path
) -> None:
    model = WhisperModel.from_pretrained(folder)
    with torch.no_grad():
        for weight in model.decoder.parameters():
            weight.add_(1.0)
    model.save_pretrained(tmp_path)
    WhisperFeatureExtractor().save_pretrained(tmp_path)
    last = {"levels": {"last": -1}}
    sec, tec = (
        kind(EncoderConfig.parse({"model": str(path), **last}, "test"), 16_000, SAMPLES)
        for kind, path in ((SecExtractor, folder), (TecExtractor, tmp_path))
    )
    assert sec.parameters == tec.parameters


@pytest.mark.parametrize("samples", [319, 480_001])
def test_a_segment_fits_its_window(folder: Path, samples: int) -> None:
    config = EncoderConfig(model=str(folder), levels="all")
    with pytest.raises(ConfigError, match="Whisper hears 320 to 480000 samples, but a segment has"):
        SecExtractor(config, 16_000, samples)


def test_another_sample_rate_is_refused(folder: Path) -> None:
    config = EncoderConfig(model=str(folder), levels="all")
    with pytest.raises(ConfigError, match=r"hears 16000 Hz, but segment.sample_rate_hz is 8000"):
        SecExtractor(config, 8_000, 24_000)
