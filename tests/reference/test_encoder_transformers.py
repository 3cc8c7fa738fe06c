"""Encoder rows beside a plain forward pass of transformers, one clip at a time.

Tolerance: 1e-4 absolute for features of unit scale in float32, where only the order of sums in
batches of 8 and of 1 differs; 0.2 in bfloat16.
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
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)

from mfsn.encoders.transformers_logging import quiet_masks
from mfsn.features.config import EncoderConfig
from mfsn.features.extractors.encoder import SecExtractor, TecExtractor

SAMPLES = 8_000
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.2}
LENGTHS = np.array([8_000, 8_000, 6_123, 4_000, 1_600, 799, 401, 8_000])

TINY: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 5,
    "num_conv_pos_embedding_groups": 2,
    "initializer_range": 0.2,
}

KINDS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "wav2vec2, group norm, no mask": ("wav2vec2", {"feat_extract_norm": "group"}, False),
    "wav2vec2, layer norm, mask": (
        "wav2vec2",
        {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
        True,
    ),
    "data2vec, mask": ("data2vec-audio", {}, True),
    "data2vec, no mask": ("data2vec-audio", {}, False),
    "hubert": ("hubert", {}, False),
    "hubert, layer norm, mask": (
        "hubert",
        {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
        True,
    ),
    "wavlm": ("wavlm", {}, False),
    "wavlm, layer norm, mask": (
        "wavlm",
        {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
        True,
    ),
}
"""Base checkpoints have group norms and norms behind their layers, large ones layer norms and norms
before them; data2vec has layer norms over its convolutions in both sizes."""


def write(folder: Path, kind: str, more: dict[str, Any], mask: bool) -> Path:
    torch.manual_seed(3)
    AutoModel.from_config(AutoConfig.for_model(kind, **TINY, **more)).save_pretrained(folder)
    preprocessor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=mask)
    preprocessor.save_pretrained(folder)
    return folder


def clips() -> list[npt.NDArray[np.float32]]:
    rng = np.random.default_rng(5)
    time = np.arange(SAMPLES) / 16_000
    tones = [
        np.sin(2 * np.pi * f * time) + 0.2 * rng.standard_normal(SAMPLES)
        for f in range(90, 250, 20)
    ]
    return [(0.1 * t[:n] + 0.02).astype(np.float32) for t, n in zip(tones, LENGTHS, strict=True)]


def padded() -> npt.NDArray[np.float32]:
    return np.stack([np.pad(clip, (0, SAMPLES - len(clip))) for clip in clips()])


def hidden_states(model: Any, clip: npt.NDArray[np.float32], length: int, mask: bool) -> list[Any]:
    """Of one clip, normalised alone and padded, as transformers' pages show it."""
    preprocessor = Wav2Vec2FeatureExtractor(do_normalize=True)
    values = preprocessor(clip, sampling_rate=16_000, return_tensors="pt")["input_values"]
    inputs = {"input_values": torch.nn.functional.pad(values, (0, length - len(clip)))}
    if mask:
        inputs["attention_mask"] = (torch.arange(length)[None] < len(clip)).long()
    with torch.no_grad(), quiet_masks():
        states = model(**inputs, output_hidden_states=True).hidden_states
    return [state[0].numpy() for state in states]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", KINDS)
def test_rows_are_the_hidden_states_of_each_clip_alone(
    tmp_path: Path, name: str, precision: str
) -> None:
    kind, more, mask = KINDS[name]
    folder = write(tmp_path / "encoder", kind, more, mask)
    levels = {"input": 0, "first": 1, "last": -1}
    config = EncoderConfig.parse(
        {"model": str(folder), "levels": levels, "precision": precision, "dtype": "float32"}, "test"
    )
    rows = SecExtractor(config, 16_000, SAMPLES).extract(padded(), LENGTHS)
    model = AutoModel.from_pretrained(folder).eval()
    for row, clip in enumerate(clips()):
        expected = hidden_states(model, clip, SAMPLES, mask)
        assert len(expected) == TINY["num_hidden_layers"] + 1
        for level, index in levels.items():
            difference = np.abs(rows[level][row] - expected[index]).max()
            assert difference < TOLERANCE[precision], (level, row)


def test_with_a_mask_the_valid_frames_are_those_of_the_clip_without_padding(tmp_path: Path) -> None:
    kind, more, mask = KINDS["wav2vec2, layer norm, mask"]
    folder = write(tmp_path / "encoder", kind, more, mask)
    config = EncoderConfig(model=str(folder), levels={"last": -1}, dtype="float32")
    rows = SecExtractor(config, 16_000, SAMPLES).extract(padded(), LENGTHS)
    model = AutoModel.from_pretrained(folder).eval()
    for row, clip in enumerate(clips()):
        expected = hidden_states(model, clip, len(clip), mask=False)[-1]
        valid = rows["last"][row, : len(expected)]
        assert np.abs(valid - expected).max() < TOLERANCE["float32"], row


def test_a_ctc_checkpoint_gives_the_states_below_its_head(tmp_path: Path) -> None:
    torch.manual_seed(4)
    model = Wav2Vec2ForCTC(Wav2Vec2Config(**TINY)).eval()
    model.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(tmp_path)
    config = EncoderConfig(model=str(tmp_path), levels={"last": -1}, dtype="float32")
    rows = TecExtractor(config, 16_000, SAMPLES).extract(padded(), LENGTHS)
    expected = hidden_states(model, clips()[0], SAMPLES, mask=False)[-1]
    assert np.abs(rows["last"][0] - expected).max() < TOLERANCE["float32"]
