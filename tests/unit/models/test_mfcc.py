"""The MFCC path: normalised frames, BiLSTM, vector."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mfsn.models.config import ModelConfig
from mfsn.models.mfcc import MfccEncoder

M, K = 10, 5
WHOLE = torch.ones(2, M, dtype=torch.bool)


def encoder(**values: object) -> MfccEncoder:
    torch.manual_seed(0)
    config = ModelConfig.parse(
        {"mfcc_hidden": 3, "dropout": 0.0, "mfcc_dropout": 0.0, **values}, where="test"
    )
    return MfccEncoder(config, M, K, 16)


def frames(*counted: int) -> Tensor:
    return torch.arange(M) < torch.tensor(counted)[:, None]


@pytest.fixture
def mfcc() -> Tensor:
    return torch.randn(2, M, K, generator=torch.Generator().manual_seed(1))


def test_gives_one_vector_a_segment(mfcc: Tensor) -> None:
    vector = encoder()(mfcc, WHOLE)
    assert vector.shape == (2, 16)
    assert (vector >= 0).all()
    assert vector.any()


def test_loudness_of_a_frame_does_not_matter(mfcc: Tensor) -> None:
    scale = torch.linspace(0.5, 50, M)[:, None]
    path = encoder()
    torch.testing.assert_close(path(mfcc * scale, WHOLE), path(mfcc, WHOLE))


def test_a_silent_frame_is_finite(mfcc: Tensor) -> None:
    mfcc[:, 3] = 0
    assert encoder()(mfcc, WHOLE).isfinite().all()


@pytest.mark.parametrize("padding", [7.0, math.nan, math.inf])
def test_padding_does_not_matter_when_masked(mfcc: Tensor, padding: float) -> None:
    path, valid = encoder(), frames(6, 10)
    padded = mfcc.clone()
    padded[0, 6:] = padding
    assert torch.equal(path(padded, valid), path(mfcc, valid))


def test_padding_matters_when_it_counts(mfcc: Tensor) -> None:
    path = encoder()
    padded = mfcc.clone()
    padded[0, 6:] = 7.0
    output = path(padded, WHOLE)
    assert not torch.allclose(output[0], path(mfcc, WHOLE)[0])
    assert torch.equal(output[1], path(mfcc, WHOLE)[1])


def test_weights_of_padding_frames_get_no_gradient(mfcc: Tensor) -> None:
    path = encoder()
    path(mfcc, frames(6, 6)).sum().backward()
    grad = path.project.weight.grad
    assert grad is not None
    per_frame = grad.reshape(16, M, 6).abs().sum(dim=(0, 2))
    assert (per_frame[:6] > 0).all()
    assert (per_frame[6:] == 0).all()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_number_of_layers(layers: int, mfcc: Tensor) -> None:
    path = encoder(mfcc_layers=layers)
    assert len(path.layers) == layers
    assert path(mfcc, WHOLE).isfinite().all()


def test_dropout_lies_between_the_layers_and_can_be_replayed(mfcc: Tensor) -> None:
    path = encoder(mfcc_dropout=0.5)
    state = torch.get_rng_state()
    first = path(mfcc, WHOLE)
    assert not torch.equal(path(mfcc, WHOLE), first)
    torch.set_rng_state(state)
    assert torch.equal(path(mfcc, WHOLE), first)
    single = encoder(mfcc_dropout=0.5, mfcc_layers=1)
    assert torch.equal(single(mfcc, WHOLE), single(mfcc, WHOLE))
