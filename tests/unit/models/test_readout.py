"""What outputs mean: losses against loops written from their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfsn.models.config import ModelConfig, NetworkParts
from mfsn.models.inputs import LEVEL_DB, MFCC, InputShapes, Source
from mfsn.models.network import SerNetwork, build_network
from mfsn.models.readout import Posteriors, Values

LOGITS = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CLASSES = torch.tensor([0, 2, 1, 1, 0, 2, 2])
WEIGHTS = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
RATINGS = torch.tensor([[1.0, 10.0], [2.0, 10.0], [6.0, 10.0]])


def one_hot(classes: Tensor) -> Tensor:
    return nn.functional.one_hot(classes, 3).double()


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_a_soft_label_that_is_all_of_one_class_counts_as_its_index(weights: Tensor | None) -> None:
    readout = Posteriors()
    hard = readout.loss(LOGITS, CLASSES, weights)
    torch.testing.assert_close(readout.loss(LOGITS, one_hot(CLASSES), weights), hard)
    expected = nn.functional.cross_entropy(LOGITS, CLASSES, weights)
    torch.testing.assert_close(hard, expected)


def test_soft_labels_are_the_cross_entropy_of_their_shares() -> None:
    shares = torch.tensor([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]], dtype=torch.float64)
    total = 0.0
    for row, share in zip(LOGITS[:2].tolist(), shares.tolist(), strict=True):
        norm = math.log(sum(math.exp(logit) for logit in row))
        total -= sum(s * (logit - norm) for s, logit in zip(share, row, strict=True))
    found = Posteriors().loss(LOGITS[:2], shares)
    assert float(found) == pytest.approx(total / 2)


def test_values_come_back_in_their_own_unit() -> None:
    readout = Values(2)
    readout.fit(RATINGS)
    np.testing.assert_allclose(readout(torch.zeros(1, 2)), [[3.0, 10.0]])
    deviation = math.sqrt(((1 - 3) ** 2 + (2 - 3) ** 2 + (6 - 3) ** 2) / 3)
    # The second dimension never varies and keeps its unit.
    np.testing.assert_allclose(readout(torch.ones(1, 2)), [[3 + deviation, 11.0]], rtol=1e-6)


def test_the_loss_of_values_is_the_squared_error_of_standardised_ones() -> None:
    readout = Values(2)
    readout.fit(RATINGS)
    outputs = torch.tensor([[0.5, 0.25], [0.0, 0.0], [-1.0, 0.0]])
    deviation = math.sqrt(14 / 3)
    errors = [0.5 - (1 - 3) / deviation, 0 - (2 - 3) / deviation, -1 - (6 - 3) / deviation]
    expected = (sum(e**2 for e in errors) + 0.25**2) / 6
    assert float(readout.loss(outputs, RATINGS)) == pytest.approx(expected)


PARTS = NetworkParts(encoders=("sec", "tec"), fused=True)


def test_the_scale_travels_with_the_weights() -> None:
    acoustic: dict[Source, tuple[int, ...]] = {LEVEL_DB: (12, 8), MFCC: (10, 3)}
    shapes = InputShapes({("sec", "high"): (5, 4), ("tec", "last"): (5, 4), **acoustic})
    config = ModelConfig(
        projection=4, hidden=4, alexnet_width=0.03, image_px=(64, 64), mfcc_hidden=2, mfcc_layers=1
    )

    def build(dimensions: int) -> SerNetwork:
        return build_network(PARTS, config, shapes, 4, dimensions=dimensions)

    first, second = build(2), build(2)
    assert isinstance(first.readout, Values)
    first.readout.fit(RATINGS)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(second.readout(torch.ones(1, 2)), first.readout(torch.ones(1, 2)))
    assert not any("readout" in name for name in build(0).state_dict())
