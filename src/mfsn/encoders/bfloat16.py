"""An encoder in bfloat16, whose convolutions over the wave are computed as matrix products.

transformers keeps the frames on the last axis, and so copies every activation twice for the
LayerNorm after each convolution. With the frames on the first axis a strided convolution is one
matrix product, and nothing has to be transposed.

Shapes: B batch, N samples, T frames, C channels, K kernel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, linear
from torch.nn.utils import parametrize


def in_bfloat16(model: Any, waves_at_once: int) -> nn.Module:
    """Change a loaded encoder so that its weights and activations are in bfloat16.

    Args:
        model: an encoder of the wav2vec 2.0 family or of Whisper in float32, in eval mode; it is
            changed.
        waves_at_once: how many waves go through the convolutions together. On a CPU it is one,
            because the activations of one wave stay in the processor's caches.
    """
    for module in model.modules():
        if parametrize.is_parametrized(module):  # a weight norm, the same in every call
            for name in list(module.parametrizations):
                parametrize.remove_parametrizations(module, name)
    model.to(torch.bfloat16)
    if _is_plain(model):
        model.feature_extractor = FramesFirst(model.feature_extractor.conv_layers, waves_at_once)
    encoder: nn.Module = model
    return encoder


class FramesFirst(nn.Module):
    """The convolutions that turn waves into frames.

    Args:
        layers: the layers of transformers' feature encoder. Each has a convolution, perhaps a norm,
            and an activation.
        waves_at_once: waves that are computed together.
    """

    def __init__(self, layers: nn.ModuleList, waves_at_once: int) -> None:
        super().__init__()
        self._waves_at_once = waves_at_once
        self.layers = nn.ModuleList(_FramesFirstLayer(layer) for layer in layers)

    def forward(self, waves_BN: Tensor) -> Tensor:
        """Frames (B, C, T) of waves (B, N)."""
        pieces = [self._frames(piece) for piece in torch.split(waves_BN, self._waves_at_once)]
        return torch.cat(pieces).transpose(1, 2)

    def _frames(self, waves_BN: Tensor) -> Tensor:
        hidden_BTC = waves_BN[..., None]
        for layer in self.layers:
            hidden_BTC = layer(hidden_BTC)
        return hidden_BTC


class _FramesFirstLayer(nn.Module):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        conv, norm = layer.conv, getattr(layer, "layer_norm", None)
        self._kernel, self._stride = conv.kernel_size[0], conv.stride[0]
        # From (out, in, K) to (out, K * in), which is the order of frames in memory.
        self._weight = nn.Parameter(conv.weight.transpose(1, 2).flatten(1), requires_grad=False)
        self._bias, self._activation = conv.bias, layer.activation
        self._norm = _OverTime(norm) if isinstance(norm, nn.GroupNorm) else norm or nn.Identity()

    def forward(self, hidden_BTC: Tensor) -> Tensor:
        """Compute the layer for frames (batch, time, channels); their number shrinks."""
        windows_BTK = hidden_BTC.unfold(1, self._kernel, self._stride).transpose(2, 3).flatten(2)
        computed_BTC = linear(windows_BTK, self._weight, self._bias)
        activated_BTC: Tensor = self._activation(self._norm(computed_BTC))
        return activated_BTC


class _OverTime(nn.Module):
    """A group norm with one group per channel. For a single wave that is a batch norm over time."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        # If they were rounded to bfloat16, the error would double; the norm computes in float32.
        self._weight = nn.Parameter(norm.weight.float(), requires_grad=False)
        self._bias = nn.Parameter(norm.bias.float(), requires_grad=False)
        self._eps = norm.eps

    def forward(self, hidden_BTC: Tensor) -> Tensor:
        """Normalise each wave over time; the shape stays."""
        return torch.stack([self._norm(hidden_TC) for hidden_TC in hidden_BTC])

    def _norm(self, hidden_TC: Tensor) -> Tensor:
        parameters = self._weight, self._bias
        return batch_norm(hidden_TC, None, None, *parameters, training=True, eps=self._eps)


def _is_plain(model: Any) -> bool:
    """Whether the convolutions have the form that `FramesFirst` computes."""
    layers = getattr(getattr(model, "feature_extractor", None), "conv_layers", ())
    return len(layers) > 0 and all(_is_plain_layer(layer) for layer in layers)


def _is_plain_layer(layer: Any) -> bool:
    conv, norm = getattr(layer, "conv", None), getattr(layer, "layer_norm", None)
    is_over_time = isinstance(norm, nn.GroupNorm) and norm.num_groups == norm.num_channels
    return (
        isinstance(conv, nn.Conv1d)
        and (conv.groups, conv.padding, conv.dilation) == (1, (0,), (1,))
        and (norm is None or isinstance(norm, nn.LayerNorm) or is_over_time)
    )
