"""The networks of all systems, from cached rows to logits.

    spectrogram -> AlexNet -> h_s ----------+-----------------------------> head -> logits
    MFCC        -> BiLSTM  -> h_m ----------+  guide                         |
    SEC level   -> Choice Cell -> detach    v                                |
    TEC         -> Fusion Cells -> T' -> co-attention (TEC stream) -> h_tec -+
    S_N         -----------------------> co-attention (SEC stream) -> h_sec -+

`mfsn` has all of it; `sec_tec` has no cells (T' = T); `acoustic` ends with h_s and h_m.

Shapes: B batch, T frames, D encoder width, P projection, E = 2 P (h_s, h_m), C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mfsn.errors import ConfigError
from mfsn.models.alexnet import load_imagenet
from mfsn.models.cells import Fusion, FusionCell
from mfsn.models.coattention import CoAttention, DualStreamCoAttention
from mfsn.models.config import ModelConfig, System
from mfsn.models.inputs import Features, InputShapes
from mfsn.models.masking import keep_valid, valid_frames
from mfsn.models.mfcc import MfccEncoder
from mfsn.models.spectrogram import SpectrogramEncoder


class AcousticPart(nn.Module):
    """Spectrogram and MFCC: the part that all systems share."""

    def __init__(self, config: ModelConfig, shapes: InputShapes) -> None:
        super().__init__()
        outputs = 2 * config.projection
        self.spectrogram = SpectrogramEncoder(config, shapes.spectrogram_bins, outputs)
        self.mfcc = MfccEncoder(config, shapes.mfcc_frames, shapes.mfcc_coefficients, outputs)

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """h_s and h_m, [B, E] each."""
        h_s_BE = self.spectrogram(
            features.spectrogram_BSF, features.utterance_max_B, features.valid_B
        )
        return h_s_BE, self.mfcc(features.mfcc_BMK, features.valid_B)


class EncoderPart(nn.Module):
    """SEC and TEC: fusion, where there is one, and dual-stream co-attention."""

    def __init__(
        self, config: ModelConfig, shapes: InputShapes, last_level: str, fusion: Fusion | None
    ) -> None:
        super().__init__()
        self.mask = config.mask
        self.last_level = last_level
        self.fusion = fusion
        self.coattention = DualStreamCoAttention(
            sec=CoAttention(config.projection, shapes.sec_frames, shapes.sec_width, config.dropout),
            tec=CoAttention(config.projection, shapes.tec_frames, shapes.tec_width, config.dropout),
        )

    def forward(self, features: Features, level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        """h_sec and h_tec side by side, [B, 2 P]; `level` is the SEC level that is fused."""
        assert features.tec_BTD is not None, "this system reads TEC"
        sec_BTD, _ = self._speech(features.sec[self.last_level], features.valid_B)
        tec_BTD, valid_BT = self._speech(features.tec_BTD, features.valid_B)
        if self.fusion is not None:
            tec_BTD = self.fusion(tec_BTD, features.sec, level, valid_BT)
        hidden_BE: Tensor = self.coattention(h_s_BE, h_m_BE, sec_BTD, tec_BTD)
        return hidden_BE

    def _speech(self, encoder_BTD: Tensor, valid_B: Tensor) -> tuple[Tensor, Tensor]:
        # The frames with zeros for padding, and the mark of those that are real audio.
        valid_BT = valid_frames(valid_B, encoder_BTD.shape[1], self.mask)
        return keep_valid(encoder_BTD, valid_BT), valid_BT


class SerNetwork(nn.Module):
    """Speech emotion recognition from cached features; made by `build_network`."""

    def __init__(
        self,
        acoustic: AcousticPart,
        encoders: EncoderPart | None,
        head: nn.Module,
        choice_levels: Sequence[str],
    ) -> None:
        super().__init__()
        self.acoustic = acoustic
        self.encoders = encoders
        self.head = head
        self.choice_levels = tuple(choice_levels)
        """SEC levels to draw from and to evaluate with; one where there is no choice."""

    def forward(self, features: Features, level: str | None = None) -> Tensor:
        """Logits, [B, C].

        Args:
            features: a batch.
            level: the SEC level that adjusts TEC, one of `choice_levels`; None is the last. Systems
                without a choice do not read it.
        """
        return self._decide(features, level or self.choice_levels[-1], *self.acoustic(features))

    def logits_per_level(self, features: Features) -> dict[str, Tensor]:
        """Level of `choice_levels` to logits, [B, C]; spectrogram and MFCC are read once."""
        h_s_BE, h_m_BE = self.acoustic(features)
        return {
            level: self._decide(features, level, h_s_BE, h_m_BE) for level in self.choice_levels
        }

    def _decide(self, features: Features, level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        hidden = [h_s_BE, h_m_BE]
        if self.encoders is not None:
            hidden.append(self.encoders(features, level, h_s_BE, h_m_BE))
        logits_BC: Tensor = self.head(torch.cat(hidden, dim=1))
        return logits_BC

    @property
    def cells(self) -> list[FusionCell]:
        """The Fusion Cells, first to last; none where nothing is searched."""
        return [module for module in self.modules() if isinstance(module, FusionCell)]

    def architecture_parameters(self) -> list[nn.Parameter]:
        """The alphas that are still searched, one a cell."""
        alphas = [cell.alpha_O for cell in self.cells]
        return [alpha for alpha in alphas if isinstance(alpha, nn.Parameter)]

    def weight_parameters(self) -> list[nn.Parameter]:
        """All parameters but the alphas."""
        alphas = {id(alpha) for alpha in self.architecture_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in alphas]

    def operation_weights(self) -> list[list[float]]:
        """softmax(alpha) of each cell, in the order of `OPERATIONS`."""
        return [cell.weights() for cell in self.cells]

    def operation_entropies(self) -> list[float]:
        """Entropy of softmax(alpha) of each cell, in nats."""
        return [cell.entropy() for cell in self.cells]

    def freeze_architecture(self, alphas: Sequence[Sequence[float]]) -> None:
        """Fix each cell's mixture to the softmax of the alpha given for it.

        Raises:
            ConfigError: if there is not one alpha a cell with one value an operation.
        """
        self._refuse_other_length(alphas)
        for cell, alpha in zip(self.cells, alphas, strict=True):
            cell.freeze(alpha)

    def derive(self, operations: Sequence[str]) -> None:
        """Fix each cell to the operation named for it; what it does not need is dropped.

        Raises:
            ConfigError: if there is not one known operation a cell.
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

    def fit_scaling(
        self, spectrogram_BSF: Tensor, utterance_max_B: Tensor, valid_B: Tensor
    ) -> None:
        """Set the spectrogram's scaling from training rows; see `SpectrogramScaling.fit`.

        Raises:
            TrainingError: if there is no row, or a level is not a finite number.
        """
        self.acoustic.spectrogram.scaling.fit(spectrogram_BSF, utterance_max_B, valid_B)


def build_network(
    system: System,
    config: ModelConfig,
    shapes: InputShapes,
    classes: int,
    levels: Sequence[str],
    *,
    alpha_init_std: float = 1e-3,
    pretrained: bool = True,
) -> SerNetwork:
    """Make the network of a system with fresh weights.

    All weights come from torch's global generator in a fixed order, spectrogram and MFCC first: the
    caller seeds it (`torch.manual_seed`), and systems with the same seed share their acoustic part.

    Args:
        system: `mfsn`, `sec_tec` or `acoustic`.
        config: sizes and readings.
        shapes: sizes of the cached rows; those of SEC and TEC do not matter to `acoustic`.
        classes: C.
        levels: SEC level names; the last is S_N.
        alpha_init_std: standard deviation of alpha at the start.
        pretrained: whether to load what `alexnet_weights` asks for; False where a checkpoint
            follows, which then needs no network.

    Raises:
        ConfigError: if the system has no network, there is no level, SEC and TEC cannot be fused
            because their frames differ, or ImageNet weights are asked for at another width than 1.
        ModelLoadError: if ImageNet weights cannot be loaded.
    """
    if system not in ("mfsn", "sec_tec", "acoustic"):
        raise ConfigError(f"system {system} has no network; choose mfsn, sec_tec or acoustic")
    if not levels:
        raise ConfigError("there is no SEC level (params.yaml: sec.levels); name at least one")
    acoustic = AcousticPart(config, shapes)
    if pretrained and config.alexnet_weights == "imagenet":
        load_imagenet(acoustic.spectrogram.alexnet)
    encoders = None
    if system != "acoustic":
        fusion = _fusion(config, shapes, alpha_init_std) if system == "mfsn" else None
        encoders = EncoderPart(config, shapes, levels[-1], fusion)
    head = _head((4 if encoders is None else 6) * config.projection, config, classes)
    return SerNetwork(acoustic, encoders, head, levels if system == "mfsn" else levels[-1:])


def _fusion(config: ModelConfig, shapes: InputShapes, alpha_init_std: float) -> Fusion:
    if shapes.sec_frames != shapes.tec_frames:
        raise ConfigError(
            f"SEC has {shapes.sec_frames} frames a segment and TEC {shapes.tec_frames}, so they "
            "cannot be fused frame by frame; choose two encoders with the same hop (params.yaml: "
            "sec.model, tec.model), or system: sec_tec"
        )
    return Fusion(config, shapes.tec_width, shapes.sec_width, alpha_init_std)


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
