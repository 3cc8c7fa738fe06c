"""The weights of frames that co-attention's streams make, by system."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from mfsn.errors import ConfigError
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import ACOUSTIC, LEVEL_DB, MFCC, UTTERANCE_MAX_DB, Features, InputShapes
from mfsn.models.network import SerNetwork, build_network
from mfsn.training.system import get_system

B, T, S, M = 3, 8, 20, 10
HIGH, TEC = ("sec", "high"), ("tec", "last")
SHAPES = InputShapes(
    {
        ("sec", "low"): (T, 6),
        HIGH: (T, 6),
        TEC: (T, 6),
        LEVEL_DB: (S, 12),
        UTTERANCE_MAX_DB: (),
        MFCC: (M, 5),
    }
)


def made(system: Any, **values: Any) -> SerNetwork:
    torch.manual_seed(0)
    small = {"projection": 8, "hidden": 8, "alexnet_width": 0.05, "image_px": [63, 64]}
    config = ModelConfig.parse({**small, "mfcc_hidden": 4, **values}, where="test")
    parts = get_system(system).network
    assert parts is not None
    network = build_network(parts, config, SHAPES, 4, pretrained=False).eval()
    network.fit_scaling([batch()])
    return network


def batch() -> Features:
    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.randn(B, *shape, generator=generator)

    arrays = {source: noise(*shape) for source, shape in SHAPES.shapes.items()}
    arrays[LEVEL_DB] = -60 + 10 * arrays[LEVEL_DB]
    whole = {n: torch.full((B,), shape[0]) for n, shape in SHAPES.shapes.items() if shape}
    return Features(arrays, whole)


@pytest.mark.parametrize(
    ("system", "values", "streams"),
    [
        ("mfsn", {}, ["sec", "tec"]),
        ("sec_tec", {}, ["sec", "tec"]),
        ("sec_tec", {"guide": "mfcc"}, ["sec", "tec"]),
        ("sec_tec", {"streams": "joint"}, ["both"]),
        ("coattention", {}, ["sec"]),
    ],
)
@torch.no_grad()
def test_the_weights_are_those_that_frames_are_summed_with(
    system: Any, values: dict[str, Any], streams: list[str]
) -> None:
    network, features = made(system, **values), batch()
    weights = network.frame_weights(features)
    assert list(weights) == streams
    coattention: Any = network.encoders.coattention  # type: ignore[union-attr]
    inputs = {"sec": features[HIGH], "tec": features[TEC]}
    seen: dict[str, Tensor] = {}
    for name, weights_BT in weights.items():
        assert weights_BT.shape == (B, T)
        assert weights_BT.min() >= 0 and weights_BT.std() > 0
        stream = getattr(coattention, name, coattention)
        stream.project.register_forward_pre_hook(
            lambda _, given, name=name: seen.update({name: given[0]})
        )
    network(features)
    if system != "mfsn":  # whose TEC stream sums fused frames
        inputs["both"] = torch.cat([features[HIGH], features[TEC]], dim=2)
        for name, weights_BT in weights.items():
            frames_BTD = inputs[name]
            assert frames_BTD is not None
            summed = (weights_BT[:, :, None] * frames_BTD).sum(dim=1)
            assert torch.allclose(seen[name], summed, atol=1e-5)


@torch.no_grad()
def test_sec_and_tec_do_not_make_weights() -> None:
    network, features = made("mfsn"), batch()
    without = dataclasses.replace(features, arrays={n: features[n] for n in ACOUSTIC})
    weights, others = network.frame_weights(features), network.frame_weights(without)
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_a_system_without_coattention_has_no_weights() -> None:
    with pytest.raises(ConfigError, match="no co-attention"):
        made("acoustic").frame_weights(batch())
