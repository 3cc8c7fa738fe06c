"""A weighted sum of layers: the same as a loop in numpy, deaf to padding, and learnt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mfsn.errors import ConfigError
from mfsn.models.inputs import Features, InputShapes, Source
from mfsn.models.weighted_layers import SMALLEST_VARIANCE, WeightedLayers, build
from mfsn.models.weighted_layers_config import WeightedLayersConfig

LAYERS: tuple[Source, ...] = (("sec", "low"), ("sec", "mid"), ("sec", "high"))
B, T, D, C = 4, 6, 5, 3
LENGTHS = (6, 3, 1, 4)


def network(frames: int = T, dimensions: int = 0, **config: object) -> WeightedLayers:
    torch.manual_seed(0)
    shapes = InputShapes(dict.fromkeys(LAYERS, (frames, D)))
    made = build(
        None, WeightedLayersConfig.model_validate(config), shapes, C, dimensions=dimensions
    )
    torch.nn.init.normal_(made.layer_logits_L)
    return made.eval()


def batch(seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    rows = {layer: torch.randn(B, T, D, generator=generator) for layer in LAYERS}
    return Features(rows, dict.fromkeys(LAYERS, torch.tensor(LENGTHS)))


def by_hand(
    made: WeightedLayers, features: Features, statistics: str, normalise: bool
) -> npt.NDArray[np.float64]:
    logits = made.layer_logits_L.detach().numpy().astype(np.float64)
    weights = np.exp(logits) / np.exp(logits).sum()
    found = []
    for row, length in enumerate(LENGTHS):
        total = np.zeros((length, D))
        for weight, layer in zip(weights, LAYERS, strict=True):
            values = features[layer][row, :length].numpy().astype(np.float64)
            if normalise:
                centred = values - values.mean(axis=1, keepdims=True)
                values = centred / np.sqrt(values.var(axis=1, keepdims=True) + 1e-5)
            total += weight * values
        deviation = np.sqrt(np.maximum(total.var(axis=0), SMALLEST_VARIANCE))
        parts = [total.mean(axis=0)] + ([deviation] if statistics == "mean_std" else [])
        found.append(np.concatenate(parts))
    return np.stack(found)


@pytest.mark.parametrize("statistics", ["mean", "mean_std"])
@pytest.mark.parametrize("normalise", [True, False])
def test_vectors_are_those_of_a_loop(statistics: str, normalise: bool) -> None:
    made, features = network(statistics=statistics, normalise=normalise), batch()
    with torch.no_grad():
        vectors = made.vectors(features).numpy()
    # Sums of some ten numbers of size 1 in float32: a few units in the seventh digit. The root of a
    # variance near its smallest value, 1e-5, multiplies them by 1 / (2 * 0.003).
    np.testing.assert_allclose(vectors, by_hand(made, features, statistics, normalise), atol=2e-4)


@pytest.mark.parametrize("statistics", ["mean", "mean_std"])
def test_padding_changes_nothing(statistics: str) -> None:
    made, features = network(statistics=statistics), batch()
    before = made(features)
    for layer in LAYERS:
        for row, length in enumerate(LENGTHS):
            features[layer][row, length:] = torch.nan
    assert torch.equal(made(features), before)


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_weights_of_the_layers_are_learnt_whatever_the_padding_holds(hidden: int) -> None:
    made, features = network(hidden=hidden, statistics="mean_std"), batch()
    for row, length in enumerate(LENGTHS):
        features[LAYERS[0]][row, length:] = torch.nan
    logits = made(features)
    assert logits.shape == (B, C)
    made.readout.loss(made.readout(logits), torch.tensor([0, 1, 2, 0])).backward()  # type: ignore[no-untyped-call]
    gradient = made.layer_logits_L.grad
    assert gradient is not None
    assert (gradient.abs() > 0).all()
    assert gradient.isfinite().all()
    assert made.layer_weights().sum().item() == pytest.approx(1, abs=1e-6)


def test_the_layer_that_knows_the_class_gets_the_weight() -> None:
    """The first layer is the class, the others are noise."""
    made = network(frames=1, hidden=0, dropout=0.0, normalise=False).train()
    torch.nn.init.zeros_(made.layer_logits_L)
    labels = torch.arange(60) % C
    generator = torch.Generator().manual_seed(1)
    rows = {layer: torch.randn(60, 1, D, generator=generator) for layer in LAYERS}
    rows[LAYERS[0]][:, 0, :C] = 3 * torch.eye(C)[labels]
    features = Features(rows, dict.fromkeys(LAYERS, torch.ones(60, dtype=torch.int64)))
    optimiser = torch.optim.Adam(made.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        made.readout.loss(made(features), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert made.layer_weights()[0] > 0.8


def test_values_of_dimensions_have_their_own_readout() -> None:
    assert network(dimensions=2)(batch()).shape == (B, 2)


def test_a_mean_has_no_deviation() -> None:
    with pytest.raises(ConfigError, match=r"set sec\.frames: all, or statistics: mean"):
        network(frames=1, statistics="mean_std")
