"""Waves and tiny checkpoints for the extractors' tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

RATE_HZ = 16_000
SAMPLES = 8_000

Waves = npt.NDArray[np.float32]
MakeCheckpoint = Callable[..., Path]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own."""
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture(scope="session")
def waves() -> Waves:
    """Thirteen voiced sounds of half a second: pitch, loudness and noise differ; 16-bit."""
    time = np.arange(SAMPLES) / RATE_HZ
    rng = np.random.default_rng(0)
    sounds = []
    for pitch_hz in np.linspace(90, 330, 13):
        phase = 2 * np.pi * pitch_hz * (time + 0.1 * np.sin(4 * time))
        voice = sum(np.sin(k * phase) / k for k in range(1, 9)) * (0.3 + np.sin(9 * time) ** 2)
        sounds.append(rng.uniform(0.02, 0.2) * (voice + 0.05 * rng.standard_normal(SAMPLES)))
    rounded: Waves = (np.rint(np.stack(sounds) * 32767) / 32768).astype(np.float32)
    return rounded


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> MakeCheckpoint:
    """Make a folder with a tiny encoder as transformers writes it."""

    def make(
        kind: str = "wav2vec2", *, mask: bool = False, rate: int = RATE_HZ, **more: Any
    ) -> Path:
        from transformers import AutoConfig, AutoModel, Wav2Vec2FeatureExtractor

        torch.manual_seed(0)
        config = AutoConfig.for_model(kind, **(TINY | more))
        folder = tmp_path / "checkpoints" / f"{kind}-{len(list(tmp_path.glob('checkpoints/*')))}"
        AutoModel.from_config(config).save_pretrained(folder)
        Wav2Vec2FeatureExtractor(
            sampling_rate=rate, do_normalize=True, return_attention_mask=mask
        ).save_pretrained(folder)
        return folder

    return make


TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": [16] * 7,
    "num_conv_pos_embeddings": 5,
    "num_conv_pos_embedding_groups": 2,
}
