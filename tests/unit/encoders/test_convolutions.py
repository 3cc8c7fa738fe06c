"""Convolutions as products of matrices: the values of transformers' own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from mfsn.encoders.bfloat16 import FramesFirst, in_bfloat16
from mfsn.encoders.loading import load_encoder

MakeCheckpoint = Callable[..., Path]
Waves = npt.NDArray[np.float32]

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2, norm over time": ("wav2vec2", {"feat_extract_norm": "group"}),
    "wav2vec2, norm over channels": ("wav2vec2", {"feat_extract_norm": "layer"}),
    "wav2vec2, biases": ("wav2vec2", {"conv_bias": True}),
    "data2vec": ("data2vec-audio", {}),
    "hubert": ("hubert", {}),
}


def load(make_checkpoint: MakeCheckpoint, kind: str) -> Any:
    name, more = KINDS[kind]
    return load_encoder(str(make_checkpoint(name, **more)), None).model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_frames_are_those_of_transformers(
    make_checkpoint: MakeCheckpoint, waves: Waves, kind: str, at_once: int
) -> None:
    theirs = load(make_checkpoint, kind).feature_extractor
    ours = FramesFirst(theirs.conv_layers, at_once)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(waves[:8]))
        found = ours(torch.from_numpy(waves[:8]))
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_in_bfloat16_is_close_to_the_one_in_float32(
    make_checkpoint: MakeCheckpoint, waves: Waves, kind: str
) -> None:
    values = torch.from_numpy(waves[:4] / waves[:4].std(axis=1, keepdims=True))
    with torch.inference_mode():
        exact = load(make_checkpoint, kind)(values).last_hidden_state
        model = in_bfloat16(load(make_checkpoint, kind), 1)
        found = model(values.bfloat16()).last_hidden_state
    assert found.dtype == torch.bfloat16
    assert isinstance(model.feature_extractor, FramesFirst)
    assert (found - exact).norm() < 0.05 * exact.norm()


def test_convolutions_of_another_form_stay_as_they_are(make_checkpoint: MakeCheckpoint) -> None:
    model = load(make_checkpoint, "data2vec")
    model.feature_extractor.conv_layers[2].conv = nn.Conv1d(16, 16, 3, stride=2, groups=2)
    before = model.feature_extractor
    assert in_bfloat16(model, 1).feature_extractor is before
