"""Rows with context `utterance` beside a plain transformers pass of the utterance, cut here.

Tolerance: as in test_encoder_transformers.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    Wav2Vec2FeatureExtractor,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)

from mfsn.encoders.transformers_logging import quiet_masks
from mfsn.features.config import EncoderConfig
from mfsn.features.extractors.encoder import SecExtractor

TOLERANCE = {"float32": 1e-4, "bfloat16": 0.2}
HOP = 320
"""Samples from one frame to the next, in all these encoders: 20 ms."""

TINY: dict[str, Any] = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "conv_dim": [16] * 7, "num_conv_pos_embeddings": 5, "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.2,
}  # fmt: skip
TINY_WHISPER: dict[str, Any] = {
    "d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32,
    "decoder_layers": 1, "decoder_attention_heads": 1, "decoder_ffn_dim": 4, "vocab_size": 2,
    "init_std": 0.2, "pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1,
    "decoder_start_token_id": 1,
}  # fmt: skip
STABLE: dict[str, Any] = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
KINDS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "wav2vec2, group norm, no mask": ("wav2vec2", {"feat_extract_norm": "group"}, False),
    "wav2vec2, layer norm, mask": ("wav2vec2", STABLE, True),
    "data2vec, mask": ("data2vec-audio", {}, True),
    "hubert": ("hubert", {}, False),
    "wavlm": ("wavlm", {}, False),
}


def noise(samples: int) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(samples)
    tone = np.sin(np.arange(samples) * (0.05 + 1e-6 * np.arange(samples)))
    return (0.1 * tone + 0.05 * rng.standard_normal(samples) + 0.02).astype(np.float32)


def rows_of(
    folder: Path, wave: npt.NDArray[np.float32], samples: int, **more: Any
) -> dict[str, npt.NDArray[Any]]:
    values = {"model": str(folder), "levels": "all", "dtype": "float32", **more}
    extractor = SecExtractor(EncoderConfig.parse(values, "test"), 16_000, samples)
    assert (extractor.context, extractor.batch_rows) == ("utterance", 1)
    return extractor.extract(wave[None], np.array([len(wave)]))


@pytest.fixture(scope="module", params=KINDS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind, more, mask = KINDS[request.param]
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(3)
    AutoModel.from_config(AutoConfig.for_model(kind, **TINY, **more)).save_pretrained(folder)
    preprocessor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=mask)
    preprocessor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper")
    torch.manual_seed(3)
    WhisperModel(WhisperConfig(**TINY_WHISPER)).save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return folder


def plain_states(folder: Path, wave: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """All hidden states of a whole utterance, without padding, as transformers' pages show it."""
    model = AutoModel.from_pretrained(folder).eval()
    values = Wav2Vec2FeatureExtractor(do_normalize=True)(
        wave, sampling_rate=16_000, return_tensors="pt"
    )["input_values"]
    with torch.no_grad(), quiet_masks():
        states = model(values, output_hidden_states=True).hidden_states
    return [state[0].numpy() for state in states]


def plain_whisper(folder: Path, wave: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """All hidden states of up to 30 seconds: 1,500 frames."""
    model = WhisperModel.from_pretrained(folder).eval()
    heard = WhisperFeatureExtractor()(wave, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        encoded = model.encoder(heard["input_features"], output_hidden_states=True)
    return [state[0].numpy() for state in encoded.hidden_states]


@pytest.mark.parametrize("samples", [8_000, 48_000])
@pytest.mark.parametrize("seconds", [0.3, 4.61, 6.0])
def test_a_segment_has_the_frames_that_see_nothing_but_it(
    encoder: Path, samples: int, seconds: float
) -> None:
    wave = noise(round(seconds * 16_000))
    rows = rows_of(encoder, wave, samples, context="utterance")
    expected = plain_states(encoder, wave)
    assert len(rows) == len(expected)
    for level, states in zip(rows.values(), expected, strict=True):
        assert len(level) == -(-len(wave) // samples)
        for segment, row in enumerate(level):
            start = segment * samples
            inside = [
                frame
                for frame in range(len(states))
                if start <= HOP * frame and HOP * frame + 400 <= start + samples
            ]
            assert len(row) == (samples - 400) // HOP + 1  # 149 for three seconds
            assert inside == list(range(start // HOP, start // HOP + len(inside)))
            assert np.abs(row[: len(inside)] - states[inside]).max() < TOLERANCE["float32"]


def test_frames_after_the_end_are_zeros_and_cut_off_ones_repeat_the_last(encoder: Path) -> None:
    """Of 4,100 samples 12 whole frames can be seen, and 13 begin within them."""
    wave = noise(16_000 + 4_100)
    rows = rows_of(encoder, wave, 16_000, context="utterance")["layer_02"]
    states = plain_states(encoder, wave)[2]
    assert len(states) == 62  # of the 63 that begin
    last = rows[1]
    assert np.abs(last[:12] - states[50:]).max() < TOLERANCE["float32"]
    assert np.abs(last[12] - states[-1]).max() < TOLERANCE["float32"]
    assert not last[13:].any()


def test_a_last_segment_of_a_few_samples_has_a_frame(encoder: Path) -> None:
    wave = noise(8_000 + 17)
    rows = rows_of(encoder, wave, 8_000, context="utterance")["layer_01"]
    states = plain_states(encoder, wave)[1]
    assert np.abs(rows[1, 0] - states[-1]).max() < TOLERANCE["float32"]
    assert not rows[1, 1:].any()


def test_long_utterances_are_heard_in_windows_of_whole_segments(encoder: Path) -> None:
    wave = noise(5 * 8_000 + 3_000)
    rows = rows_of(encoder, wave, 8_000, context="utterance", context_s=1.3)["layer_02"]
    windows = [plain_states(encoder, wave[start : start + 16_000])[2] for start in (0, 16_000)]
    pairs = [(0, windows[0][:24]), (1, windows[0][25:49]), (2, windows[1][:24])]
    for segment, states in pairs:
        assert np.abs(rows[segment] - states).max() < TOLERANCE["float32"], segment
    assert len(rows) == 6


def test_bfloat16_is_close(encoder: Path) -> None:
    wave = noise(20_000)
    rows = rows_of(encoder, wave, 8_000, context="utterance", precision="bfloat16")["layer_02"]
    states = plain_states(encoder, wave)[2]
    assert np.abs(rows[1] - states[25:49]).max() < TOLERANCE["bfloat16"]


@pytest.mark.parametrize("context", ["utterance", None])
@pytest.mark.parametrize("seconds", [1.1, 7.3, 30.0])
def test_whisper_hears_the_utterance(whisper: Path, seconds: float, context: str | None) -> None:
    wave = noise(round(seconds * 16_000))
    rows = rows_of(whisper, wave, 48_000, context=context)
    for level, states in zip(rows.values(), plain_whisper(whisper, wave), strict=True):
        assert len(level) == -(-len(wave) // 48_000)
        for segment, row in enumerate(level):
            own = states[150 * segment : 150 * (segment + 1)]
            assert np.abs(row - own).max() < TOLERANCE["float32"], segment


def test_whisper_hears_longer_utterances_thirty_seconds_at_a_time(whisper: Path) -> None:
    wave = noise(round(64.2 * 16_000))
    rows = rows_of(whisper, wave, 48_000)["layer_02"]
    windows = (0, 480_000, 960_000)
    states = [plain_whisper(whisper, wave[start : start + 480_000])[2] for start in windows]
    own = np.concatenate([states[0], states[1], states[2][:300]]).reshape(22, 150, 16)
    assert np.abs(rows - own).max() < TOLERANCE["float32"]


def test_means_are_over_the_valid_frames_of_each_segment(whisper: Path) -> None:
    wave = noise(48_000 + 24_000)
    rows = rows_of(whisper, wave, 48_000, frames="mean")["layer_01"]
    states = plain_whisper(whisper, wave)[1]
    for row, frames in ((0, states[:150]), (1, states[150:225])):
        assert np.abs(rows[row, 0] - frames.mean(axis=0)).max() < TOLERANCE["float32"]
