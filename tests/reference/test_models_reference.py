"""The models against independent oracles: numpy loops, torchvision, PIL, scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import sklearn.preprocessing
import torch
import torchvision
from torch import Tensor, nn

from mfsn.models.alexnet import AlexNetFeatures, average_pool
from mfsn.models.cells import FusionCell
from mfsn.models.coattention import CoAttention, DualStreamCoAttention
from mfsn.models.config import ModelConfig
from mfsn.models.mfcc import MfccEncoder
from mfsn.models.operations import OPERATIONS, make_operation
from mfsn.models.spectrogram import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    SpectrogramEncoder,
    SpectrogramScaling,
)

Array = npt.NDArray[np.float64]
Weights = dict[str, Array]
B, T, D = 2, 5, 3


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """x, y and the valid frames, of which the first row has three."""
    generator = torch.Generator().manual_seed(11)
    x, y = (torch.randn(B, T, D, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, y, torch.tensor([[True] * 3 + [False] * 2, [True] * 5])


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def dot(a: Array, b: Array) -> float:
    return sum(float(p) * float(q) for p, q in zip(a, b, strict=True))


def sum_loop(x: Array, y: Array, valid: list[bool], w: Weights) -> Array:
    return np.array([[x[t, d] + y[t, d] for d in range(D)] for t in range(T)])


def attention_loop(x: Array, y: Array, valid: list[bool], w: Weights) -> Array:
    output = np.zeros((T, D))
    for t in range(T):
        scores = {u: math.exp(dot(x[t], y[u]) / math.sqrt(D)) for u in range(T) if valid[u]}
        for u, score in scores.items():
            output[t] += score / sum(scores.values()) * y[u]
    return output


def concat_fc_loop(x: Array, y: Array, valid: list[bool], w: Weights) -> Array:
    output = np.zeros((T, D))
    for t in range(T):
        both = np.concatenate([x[t], y[t]])
        for d in range(D):
            output[t, d] = max(0.0, dot(w["linear.weight"][d], both) + w["linear.bias"][d])
    return output


def gated_loop(x: Array, y: Array, valid: list[bool], w: Weights) -> Array:
    output = np.zeros((T, D))
    for t in range(T):
        both = np.concatenate([x[t], y[t]])
        for d in range(D):
            gate = sigmoid(dot(w["gate.weight"][d], both) + w["gate.bias"][d])
            output[t, d] = x[t, d] + gate * (dot(w["value.weight"][d], y[t]) + w["value.bias"][d])
    return output


def glu_loop(x: Array, y: Array, valid: list[bool], w: Weights) -> Array:
    output = np.zeros((T, D))
    for t in range(T):
        for d in range(D):
            gate = sigmoid(dot(w["gate.weight"][d], y[t]))
            output[t, d] = dot(w["value.weight"][d], x[t]) * gate
    return output


Loop = Callable[[Array, Array, list[bool], Weights], Array]
LOOPS: list[tuple[str, str, Loop]] = [
    ("sum", "gated", sum_loop),
    ("attention", "gated", attention_loop),
    ("concat_fc", "gated", concat_fc_loop),
    ("ism", "gated", gated_loop),
    ("ism", "glu", glu_loop),
]


@pytest.mark.parametrize(("name", "ism", "loop"), LOOPS)
def test_operations_equal_a_loop(
    name: str, ism: str, loop: Loop, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    x, y, valid = inputs
    check_operation(name, ism, inputs, lambda row: (x[row], y[row], valid[row]), loop)


@pytest.mark.parametrize(("name", "ism", "loop"), LOOPS[1:])
def test_reversed_operations_equal_a_loop_over_swapped_inputs(
    name: str, ism: str, loop: Loop, inputs: tuple[Tensor, Tensor, Tensor]
) -> None:
    x, y, valid = inputs
    check_operation(f"{name}_r", ism, inputs, lambda row: (y[row], x[row], valid[row]), loop)


def check_operation(
    name: str,
    ism: str,
    inputs: tuple[Tensor, Tensor, Tensor],
    row_of: Callable[[int], tuple[Tensor, Tensor, Tensor]],
    loop: Loop,
) -> None:
    """Compare an operation with its loop, row by row."""
    torch.manual_seed(1)
    operation = make_operation(name, D, ism=ism).double()  # type: ignore[arg-type]
    weights = {
        key.removeprefix("operation."): value.numpy()
        for key, value in operation.state_dict().items()
    }
    with torch.no_grad():
        output = operation(*inputs)
    for row in range(B):
        first, second, valid = row_of(row)
        expected = loop(first.numpy(), second.numpy(), valid.tolist(), weights)
        np.testing.assert_allclose(output[row].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_alphas_gradient_equals_finite_differences(inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    torch.manual_seed(2)
    cell = FusionCell(D, alpha_init_std=1.0).double()
    target = torch.randn(B, T, D, dtype=torch.float64)

    def loss() -> Tensor:
        value: Tensor = (cell(*inputs) - target).square().mean()
        return value

    torch.autograd.backward(loss())
    analytic = cell.alpha_O.grad
    assert analytic is not None
    step = 1e-6
    for index in range(len(OPERATIONS)):
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                cell.alpha_O[index] += sign * step
                values.append(float(loss()))
                cell.alpha_O[index] -= sign * step
        numeric = (values[0] - values[1]) / (2 * step)
        assert numeric == pytest.approx(float(analytic[index]), rel=1e-5, abs=1e-9)
    assert float(analytic.sum()) == pytest.approx(0, abs=1e-12)  # softmax ignores a shift


def co_attention_loop(s: Array, m: Array, encoder: Array, stream: CoAttention) -> Array:
    w = {key: value.numpy() for key, value in stream.state_dict().items()}
    guide = np.concatenate([s, m])
    pooled = np.zeros(encoder.shape[1])
    for t, frame in enumerate(encoder):
        weight = dot(w["frame_weights.weight"][t], guide) + w["frame_weights.bias"][t]
        pooled += max(0.0, weight) * frame
    outputs = zip(w["project.weight"], w["project.bias"], strict=True)
    return np.array([max(0.0, dot(row, pooled) + bias) for row, bias in outputs])


def test_dual_stream_co_attention_equals_a_loop() -> None:
    torch.manual_seed(3)
    projection, sec_frames, tec_frames = 4, 7, 6
    streams = DualStreamCoAttention(
        sec=CoAttention(2 * projection, sec_frames, 5, projection, dropout=0.0),
        tec=CoAttention(2 * projection, tec_frames, 3, projection, dropout=0.0),
        guide="spectrogram_and_mfcc",
    ).double()
    h_s, h_m = (torch.randn(B, 2 * projection, dtype=torch.float64) for _ in range(2))
    sec = torch.randn(B, sec_frames, 5, dtype=torch.float64)
    tec = torch.randn(B, tec_frames, 3, dtype=torch.float64)
    sec[0, 4:] = 0.0  # padding
    with torch.no_grad():
        output = streams(h_s, h_m, sec, tec).numpy()
    for row in range(B):
        s, m = h_s[row].numpy(), h_m[row].numpy()
        h_sec = co_attention_loop(s[:4], m[:4], sec[row].numpy(), streams.sec)
        h_tec = co_attention_loop(s[4:], m[4:], tec[row].numpy(), streams.tec)
        np.testing.assert_allclose(output[row], np.concatenate([h_sec, h_tec]), rtol=1e-12)


@pytest.mark.parametrize("size", [(96, 128), (63, 200)])
def test_alexnet_equals_torchvisions(size: tuple[int, int]) -> None:
    torch.manual_seed(4)
    published = torchvision.models.alexnet(weights=None).eval()
    ours = AlexNetFeatures()
    ours.features.load_state_dict(published.features.state_dict())
    assert [f"features.{key}" for key in published.features.state_dict()] == list(ours.state_dict())
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = published.avgpool(published.features(image))
        torch.testing.assert_close(ours(image), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [(1, 2), (7, 11), (6, 6), (13, 5)])
def test_average_pool_equals_adaptive_pooling(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(average_pool(x, 6), nn.AdaptiveAvgPool2d(6)(x))


def spectrogram_rows() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    level = -60 + 15 * torch.randn(4, 150, 100, generator=generator)
    return level, level.amax(dim=(1, 2)), torch.ones(4, 150, dtype=torch.bool)


def test_scaling_equals_scikit_learn() -> None:
    level, loudest, valid = spectrogram_rows()
    relative = (level - loudest[:, None, None]).double().numpy()
    oracle = sklearn.preprocessing.MinMaxScaler(clip=True).fit(relative[:3].reshape(-1, 100))
    scaling = SpectrogramScaling(100, "utterance")
    scaling.fit([(level[:3], loudest[:3], valid[:3])])
    expected = oracle.transform(relative[3])
    np.testing.assert_allclose(scaling(level[3:], loudest[3:])[0].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("image_px", [(63, 96), (128, 200)])
def test_image_equals_pil_when_shrunk_and_when_enlarged(image_px: tuple[int, int]) -> None:
    # PIL in floating point: the published code goes through uint8, which we do not copy.
    level, loudest, valid = spectrogram_rows()
    encoder = SpectrogramEncoder(ModelConfig(image_px=image_px, alexnet_width=0.02), 100, 4)
    encoder.scaling.fit([(level, loudest, valid)])
    image = encoder.image(level, loudest, valid)[0].numpy()
    scaled = encoder.scaling(level, loudest)[0].numpy()
    picture = PIL.Image.fromarray(scaled.T[::-1].copy())
    resized = np.asarray(picture.resize(image_px[::-1], PIL.Image.Resampling.BILINEAR))
    for channel in range(3):
        expected = (resized - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
        np.testing.assert_allclose(image[channel], expected, atol=2e-5)


def test_mfcc_path_equals_a_stacked_lstm() -> None:
    torch.manual_seed(6)
    config = ModelConfig(mfcc_hidden=3, mfcc_layers=2, dropout=0.0, mfcc_dropout=0.0)
    ours = MfccEncoder(config, 8, 5, 16)
    stacked = nn.LSTM(5, 3, num_layers=2, bidirectional=True, batch_first=True)
    renamed = {
        f"{name.replace('_l0', f'_l{depth}')}": value
        for depth, layer in enumerate(ours.layers)
        for name, value in layer.state_dict().items()
    }
    stacked.load_state_dict(renamed)
    mfcc, whole = torch.randn(2, 8, 5), torch.ones(2, 8, dtype=torch.bool)
    unit = mfcc / torch.from_numpy(np.linalg.norm(mfcc.numpy(), axis=-1, keepdims=True))
    with torch.no_grad():
        hidden, _ = stacked(unit)
        expected = torch.relu(ours.project(hidden.reshape(2, -1)))
        torch.testing.assert_close(ours(mfcc, whole), expected, rtol=1e-4, atol=1e-6)
