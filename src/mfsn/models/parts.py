"""Parts of the networks: from cached rows to one vector each.

Shapes: B batch, T frames, P projection, E width of h_s and h_m.
"""

from __future__ import annotations

from torch import Tensor, nn

from mfsn.models.cells import Fusion
from mfsn.models.coattention import (
    CoAttention,
    DualStreamCoAttention,
    JointStreamCoAttention,
    guide_width,
    join_guide,
)
from mfsn.models.config import Mask, ModelConfig
from mfsn.models.inputs import Features, InputShapes
from mfsn.models.masking import keep_valid, valid_frames
from mfsn.models.mfcc import MfccEncoder
from mfsn.models.spectrogram import SpectrogramEncoder


class AcousticPart(nn.Module):
    """Spectrogram and MFCC: the part that all systems share."""

    def __init__(self, config: ModelConfig, shapes: InputShapes, outputs: int) -> None:
        super().__init__()
        self.spectrogram = SpectrogramEncoder(
            config, shapes.spectrogram_bins, outputs, shapes.reading
        )
        self.mfcc = MfccEncoder(config, shapes.mfcc_frames, shapes.mfcc_coefficients, outputs)

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """h_s and h_m, [B, E] each."""
        h_s_BE = self.spectrogram(
            features.spectrogram_BSF, features.utterance_max_B, features.valid_B
        )
        return h_s_BE, self.mfcc(features.mfcc_BMK, features.valid_B)


class OneEncoderPart(nn.Module):
    """SEC's last level and one co-attention stream (CA-MSER)."""

    def __init__(self, config: ModelConfig, shapes: InputShapes, last_level: str) -> None:
        super().__init__()
        self.mask = config.mask
        self.last_level = last_level
        self.guide = config.guide
        self.coattention = CoAttention(
            guide_width(config.projection, config.guide),
            shapes.sec_frames,
            shapes.sec_width,
            config.projection,
            config.dropout,
        )

    def forward(self, features: Features, _level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        """h_sec, [B, P]; there is no level to choose."""
        sec_BTD, _ = _speech(features.sec[self.last_level], features.valid_B, self.mask)
        hidden_BP: Tensor = self.coattention(join_guide(h_s_BE, h_m_BE, self.guide), sec_BTD)
        return hidden_BP

    def frame_weights(self, h_s_BE: Tensor, h_m_BE: Tensor) -> dict[str, Tensor]:
        """The weight of each frame of the stream `sec`, [B, T]."""
        return {"sec": self.coattention.weights(join_guide(h_s_BE, h_m_BE, self.guide))}


class TwoEncoderPart(nn.Module):
    """SEC and TEC: fusion, where there is one, and co-attention in one stream or two."""

    def __init__(
        self, config: ModelConfig, shapes: InputShapes, last_level: str, fusion: Fusion | None
    ) -> None:
        super().__init__()
        self.mask = config.mask
        self.last_level = last_level
        self.fusion = fusion
        self.coattention: JointStreamCoAttention | DualStreamCoAttention = (
            _joint_stream if config.streams == "joint" else _dual_stream
        )(config, shapes)

    def forward(self, features: Features, level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        """h_sec and h_tec side by side, [B, 2 P]; `level` is the SEC level that is fused."""
        assert features.tec_BTD is not None, "this system reads TEC"
        sec_BTD, _ = _speech(features.sec[self.last_level], features.valid_B, self.mask)
        tec_BTD, valid_BT = _speech(features.tec_BTD, features.valid_B, self.mask)
        if self.fusion is not None:
            tec_BTD = self.fusion(tec_BTD, features.sec, level, valid_BT)
        hidden_BE: Tensor = self.coattention(h_s_BE, h_m_BE, sec_BTD, tec_BTD)
        return hidden_BE

    def frame_weights(self, h_s_BE: Tensor, h_m_BE: Tensor) -> dict[str, Tensor]:
        """The weight of each frame of every stream, [B, T] each."""
        return self.coattention.frame_weights(h_s_BE, h_m_BE)


def _speech(encoder_BTD: Tensor, valid_B: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
    """An encoder's frames with zeros for padding, and the mark of those that are real audio."""
    valid_BT = valid_frames(valid_B, encoder_BTD.shape[1], mask)
    return keep_valid(encoder_BTD, valid_BT), valid_BT


def _dual_stream(config: ModelConfig, shapes: InputShapes) -> DualStreamCoAttention:
    guide, outputs = guide_width(config.projection, config.guide), config.projection
    sec = CoAttention(guide, shapes.sec_frames, shapes.sec_width, outputs, config.dropout)
    tec = CoAttention(guide, shapes.tec_frames, shapes.tec_width, outputs, config.dropout)
    return DualStreamCoAttention(sec, tec, config.guide)


def _joint_stream(config: ModelConfig, shapes: InputShapes) -> JointStreamCoAttention:
    guide, width = guide_width(2 * config.projection, config.guide), shapes.sec_width
    width += shapes.tec_width
    both = CoAttention(guide, shapes.sec_frames, width, 2 * config.projection, config.dropout)
    return JointStreamCoAttention(both, config.guide)
