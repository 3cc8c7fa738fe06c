"""The usual probe of a frozen encoder: a sum of all its layers, whose weights are learnt.

SUPERB (arXiv 2105.01051) and s3prl probe encoders in this way. The weights are a softmax over the
layers, so they are positive and add up to 1. They start out equal.

Shapes: B batch, L layers, T frames, D width, P values of a vector, C classes (or dimensions).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfsn.errors import ConfigError
from mfsn.models.base import Network
from mfsn.models.inputs import Features, InputShapes, Source, keep_valid
from mfsn.models.readout import Posteriors, Readout, Values
from mfsn.models.weighted_layers_config import WeightedLayersConfig

EXTRACTOR = "sec"
SMALLEST_VARIANCE = 1e-5
"""Below it, the standard deviation is not told from zero: its gradient would grow without end."""


class WeightedLayers(Network):
    """Statistics of a weighted sum of layers, then one or two linear layers."""

    def __init__(
        self,
        config: WeightedLayersConfig,
        layers: tuple[Source, ...],
        width: int,
        outputs: int,
        readout: Readout,
    ) -> None:
        """Make a network with fresh weights.

        Args:
            config: its parameters.
            layers: the arrays of the encoder, from early to late.
            width: D.
            outputs: C.
            readout: what the outputs mean.
        """
        super().__init__()
        self.layers, self.readout, self._config = layers, readout, config
        self.layer_logits_L = nn.Parameter(torch.zeros(len(layers)))
        values = width * (2 if config.statistics == "mean_std" else 1)
        self.head = _head(values, config, outputs)

    def reads(self, level: str | None = None) -> tuple[Source, ...]:  # noqa: ARG002
        """All layers."""
        return self.layers

    def forward(self, features: Features, level: str | None = None) -> Tensor:  # noqa: ARG002
        """Logits, [B, C]."""
        logits_BC: Tensor = self.head(self.vectors(features))
        return logits_BC

    def layer_weights(self) -> Tensor:
        """How much each layer counts, [L]; they add up to 1."""
        return self.layer_logits_L.softmax(dim=0)

    def vectors(self, features: Features) -> Tensor:
        """The vector of each segment, [B, P]."""
        valid_BT = features.mask(self.layers[0])
        sum_BTD = self._sum(features, valid_BT)
        count_B1 = valid_BT.sum(dim=1, keepdim=True)
        mean_BD = keep_valid(sum_BTD, valid_BT).sum(dim=1) / count_B1
        if self._config.statistics == "mean":
            return mean_BD
        squared_BTD = keep_valid((sum_BTD - mean_BD[:, None]).square(), valid_BT)
        variance_BD = squared_BTD.sum(dim=1) / count_B1
        return torch.cat([mean_BD, variance_BD.clamp_min(SMALLEST_VARIANCE).sqrt()], dim=1)

    def _sum(self, features: Features, valid_BT: Tensor) -> Tensor:
        layers_LBTD = torch.stack([keep_valid(features[each], valid_BT) for each in self.layers])
        if self._config.normalise:
            layers_LBTD = functional.layer_norm(layers_LBTD, layers_LBTD.shape[-1:])
        return torch.einsum("l,lbtd->btd", self.layer_weights(), layers_LBTD)


def _head(values: int, config: WeightedLayersConfig, outputs: int) -> nn.Module:
    if not config.hidden:
        return nn.Sequential(nn.Dropout(config.dropout), nn.Linear(values, outputs))
    return nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(values, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, outputs),
    )


def build(
    parts: None,  # noqa: ARG001 (this network has none)
    config: WeightedLayersConfig,
    shapes: InputShapes,
    classes: int,
    *,
    dimensions: int = 0,
    **_options: Any,
) -> WeightedLayers:
    """Make the network; arguments as `mfsn.models.network.build_network`.

    Raises:
        ConfigError: if deviations are asked for, but the rows hold one mean each.
    """
    layers = tuple((EXTRACTOR, array) for array in shapes.of(EXTRACTOR))
    frames, width = shapes[layers[0]]
    if config.statistics == "mean_std" and frames == 1:
        raise ConfigError(
            "weighted_layers.statistics: mean_std needs every frame, and sec.frames: mean keeps "
            "one mean per segment; set sec.frames: all, or statistics: mean"
        )
    readout = Values(dimensions) if dimensions else Posteriors()
    return WeightedLayers(config, layers, width, dimensions or classes, readout)
