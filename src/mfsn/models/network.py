"""The networks of all systems, from cached rows to logits (or to values of dimensions).

    spectrogram -> AlexNet -> h_s ----------+-----------------------------> head -> logits
    MFCC        -> BiLSTM  -> h_m ----------+  guide                         |
    SEC level   -> Choice Cell -> detach    v                                |
    TEC         -> Fusion Cells -> T' -> co-attention (TEC stream) -> h_tec -+
    S_N         -----------------------> co-attention (SEC stream) -> h_sec -+

`mfsn` has all of it. `sec_tec` has no cells (T' = T). `coattention` has the SEC stream alone;
its h_s and h_m have half the width (CA-MSER). `acoustic` has only h_s and h_m.

Shapes: B batch, T frames, D encoder width, P projection, E width of h_s and h_m (2 P; P in
coattention), C classes (or dimensions).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from mfsn.errors import ConfigError
from mfsn.models.alexnet import load_imagenet
from mfsn.models.base import Network
from mfsn.models.cells import Fusion, FusionCell
from mfsn.models.config import ModelConfig, NetworkParts
from mfsn.models.frames import refuse_unlike_frames
from mfsn.models.inputs import ACOUSTIC, LEVEL_DB, UTTERANCE_MAX_DB, Features, InputShapes, Source
from mfsn.models.parts import AcousticPart, OneEncoderPart, TwoEncoderPart, last_of
from mfsn.models.readout import Posteriors, Readout, Values

ACOUSTIC_LEVEL = "acoustic"
"""The name that takes the place of the SEC level in networks that read no SEC."""


class SerNetwork(Network):
    """Speech emotion recognition from cached features; made by `build_network`."""

    scaled = (LEVEL_DB, UTTERANCE_MAX_DB)

    def __init__(
        self,
        acoustic: AcousticPart,
        encoders: OneEncoderPart | TwoEncoderPart | None,
        head: nn.Module,
        choice_levels: Sequence[str],
        readout: Readout,
    ) -> None:
        super().__init__()
        self.acoustic = acoustic
        self.encoders = encoders
        self.head = head
        self.choice_levels = tuple(choice_levels)
        self.readout = readout

    def reads(self, level: str | None = None) -> tuple[Source, ...]:
        """Spectrogram and MFCC, and what co-attention and the Fusion Cells read of the encoders.

        Args:
            level: the SEC level that adjusts TEC; None for all of `choice_levels`.
        """
        if self.encoders is None:
            return ACOUSTIC
        return ACOUSTIC + self.encoders.reads(self.choice_levels if level is None else (level,))

    def forward(self, features: Features, level: str | None = None) -> Tensor:
        """Logits, [B, C].

        Args:
            features: a batch.
            level: the SEC level that adjusts TEC, one of `choice_levels`; None is the last one.
                Networks without a choice ignore it.
        """
        return self._decide(features, level or self.choice_levels[-1], *self.acoustic(features))

    def logits_per_level(self, features: Features) -> dict[str, Tensor]:
        """Level of `choice_levels` to logits, [B, C]; spectrogram and MFCC are read once."""
        h_s_BE, h_m_BE = self.acoustic(features)
        return {
            level: self._decide(features, level, h_s_BE, h_m_BE) for level in self.choice_levels
        }

    def frame_weights(self, features: Features) -> dict[str, Tensor]:
        """Co-attention's weights: stream (`sec`, `tec`; `both` of a joint one) to [B, T].

        They are made from spectrogram and MFCC alone; the batch need not have SEC and TEC.

        Raises:
            ConfigError: if the system has no co-attention.
        """
        if self.encoders is None:
            raise ConfigError("the system has no co-attention, so that no frame has a weight")
        return self.encoders.frame_weights(*self.acoustic(features))

    def _decide(self, features: Features, level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        hidden = [h_s_BE, h_m_BE]
        if self.encoders is not None:
            hidden.append(self.encoders(features, level, h_s_BE, h_m_BE))
        logits_BC: Tensor = self.head(torch.cat(hidden, dim=1))
        return logits_BC

    @property
    def cells(self) -> list[FusionCell]:
        """The Fusion Cells, first to last; empty if nothing is searched."""
        return [module for module in self.modules() if isinstance(module, FusionCell)]

    def architecture_parameters(self) -> list[nn.Parameter]:
        """The alphas that are still searched, one per cell."""
        alphas = [cell.alpha_O for cell in self.cells]
        return [alpha for alpha in alphas if isinstance(alpha, nn.Parameter)]

    def operation_weights(self) -> list[list[float]]:
        """softmax(alpha) of each cell, in the order of `OPERATIONS`."""
        return [cell.weights() for cell in self.cells]

    def operation_entropies(self) -> list[float]:
        """Entropy of softmax(alpha) of each cell, in nats."""
        return [cell.entropy() for cell in self.cells]

    def freeze_architecture(self, alphas: Sequence[Sequence[float]]) -> None:
        """Fix each cell's mixture to the softmax of the alpha given for it.

        Raises:
            ConfigError: if the numbers of alphas and cells differ, or the number of values of an
                alpha differs from the number of operations of its cell.
        """
        self._refuse_other_length(alphas)
        for cell, alpha in zip(self.cells, alphas, strict=True):
            cell.freeze(alpha)

    def derive(self, operations: Sequence[str]) -> None:
        """Fix each cell to the operation named for it; the others are dropped.

        Raises:
            ConfigError: if the numbers of operations and cells differ, or an operation is not
                known.
        """
        self._refuse_other_length(operations)
        for cell, name in zip(self.cells, operations, strict=True):
            cell.derive(name)

    def _refuse_other_length(self, genotype: Sequence[object]) -> None:
        if len(genotype) != len(self.cells):
            raise ConfigError(
                f"the genotype has {len(genotype)} cells and the network {len(self.cells)} "
                "(params.yaml: model.cells); run `dvc repro` to search again"
            )

    def fit_scaling(self, batches: Iterable[Features]) -> None:
        """Set the scaling of the spectrogram; see `SpectrogramScaling.fit`."""
        self.acoustic.spectrogram.scaling.fit(
            (rows[LEVEL_DB], rows[UTTERANCE_MAX_DB], rows.mask(LEVEL_DB)) for rows in batches
        )


def choice_levels(parts: NetworkParts, shapes: InputShapes) -> tuple[str, ...]:
    """The SEC levels that a network draws from and is evaluated with; one if it has no choice.

    Raises:
        ConfigError: if the network reads SEC and there is no level.
    """
    if not parts.encoders:
        return (ACOUSTIC_LEVEL,)
    levels = shapes.of("sec")
    if not levels:
        raise ConfigError("there is no SEC level (params.yaml: sec.levels); name at least one")
    return levels if parts.fused else levels[-1:]


def build_network(
    parts: NetworkParts,
    config: ModelConfig,
    shapes: InputShapes,
    classes: int,
    *,
    dimensions: int = 0,
    alpha_init_std: float = 1e-3,
    pretrained: bool = True,
) -> SerNetwork:
    """Make a network with fresh weights.

    All weights come from torch's global generator, which the caller seeds (`torch.manual_seed`).
    Spectrogram and MFCC come first, so that networks with the same seed have the same acoustic
    part. (With one encoder its vectors are half as wide, and only its first layers are the same.)

    Args:
        parts: which parts it has.
        config: sizes and variants.
        shapes: of the cached rows. The arrays of SEC are its levels, of which the last is S_N; of
            TEC the last array is read. What the network does not read does not matter.
        classes: C.
        dimensions: number of values to predict instead of classes; 0 predicts classes.
        alpha_init_std: standard deviation of alpha at the start.
        pretrained: whether to load what `alexnet_weights` asks for; False if a checkpoint
            follows, which then needs no network.

    Raises:
        ConfigError: if there is no level, SEC and TEC cannot be fused because their frames differ,
            or ImageNet weights are asked for at another width than 1.
        ModelLoadError: if ImageNet weights cannot be loaded.
    """
    levels = choice_levels(parts, shapes)
    frames = {str(name): shapes[last_of(name, shapes)][0] for name in parts.encoders}
    refuse_unlike_frames(parts, config, frames)
    streams = len(parts.encoders)
    outputs = (1 if streams == 1 else 2) * config.projection
    acoustic = AcousticPart(config, shapes, outputs)
    if pretrained and config.alexnet_weights == "imagenet":
        load_imagenet(acoustic.spectrogram.alexnet)
    encoders = _encoders(parts, config, shapes, alpha_init_std)
    hidden = 2 * outputs + streams * config.projection
    head = _head(hidden, config, dimensions or classes)
    readout = Values(dimensions) if dimensions else Posteriors()
    return SerNetwork(acoustic, encoders, head, levels, readout)


def _encoders(
    parts: NetworkParts, config: ModelConfig, shapes: InputShapes, alpha_init_std: float
) -> OneEncoderPart | TwoEncoderPart | None:
    if not parts.encoders:
        return None
    if len(parts.encoders) == 1:
        return OneEncoderPart(config, shapes)
    fusion = _fusion(config, shapes, alpha_init_std) if parts.fused else None
    return TwoEncoderPart(config, shapes, fusion)


def _fusion(config: ModelConfig, shapes: InputShapes, alpha_init_std: float) -> Fusion:
    tec_width, sec_width = (shapes[last_of(name, shapes)][1] for name in ("tec", "sec"))
    return Fusion(config, tec_width, sec_width, alpha_init_std)


def _head(inputs: int, config: ModelConfig, classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(inputs, config.hidden),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.hidden),
        nn.ReLU(),
        nn.Linear(config.hidden, classes),
    )
