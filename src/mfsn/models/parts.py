"""The parts of the networks; each part computes one vector from cached rows.

Shapes: B batch, T frames, P projection, E width of h_s and h_m.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mfsn.models.cells import Fusion
from mfsn.models.coattention import (
    CoAttention,
    DualStreamCoAttention,
    JointStreamCoAttention,
    guide_width,
    join_guide,
)
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import (
    LEVEL_DB,
    MFCC,
    UTTERANCE_MAX_DB,
    Features,
    InputShapes,
    Source,
    keep_valid,
)
from mfsn.models.mfcc import MfccEncoder
from mfsn.models.spectrogram import SpectrogramEncoder


class AcousticPart(nn.Module):
    """Spectrogram and MFCC: the part that all networks share."""

    def __init__(self, config: ModelConfig, shapes: InputShapes, outputs: int) -> None:
        super().__init__()
        self.mask = config.mask
        _, bins = shapes[LEVEL_DB]
        self.spectrogram = SpectrogramEncoder(config, bins, outputs, shapes.reading)
        frames, coefficients = shapes[MFCC]
        self.mfcc = MfccEncoder(config, frames, coefficients, outputs)

    def forward(self, features: Features) -> tuple[Tensor, Tensor]:
        """h_s and h_m, [B, E] each."""
        valid_BS, valid_BM = (features.mask(source, self.mask) for source in (LEVEL_DB, MFCC))
        h_s_BE = self.spectrogram(features[LEVEL_DB], features[UTTERANCE_MAX_DB], valid_BS)
        return h_s_BE, self.mfcc(features[MFCC], valid_BM)


class OneEncoderPart(nn.Module):
    """SEC's last level and one co-attention stream (CA-MSER)."""

    def __init__(self, config: ModelConfig, shapes: InputShapes) -> None:
        super().__init__()
        self.mask = config.mask
        self.sec = last_of("sec", shapes)
        self.guide = config.guide
        guide, (frames, width) = guide_width(config.projection, config.guide), shapes[self.sec]
        self.coattention = CoAttention(guide, frames, width, config.projection, config.dropout)

    def reads(self, _levels: Sequence[str]) -> tuple[Source, ...]:
        """SEC's last level, whichever levels are asked for."""
        return (self.sec,)

    def forward(self, features: Features, _level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        """h_sec, [B, P]; there is no level to choose."""
        sec_BTD = keep_valid(features[self.sec], features.mask(self.sec, self.mask))
        hidden_BP: Tensor = self.coattention(join_guide(h_s_BE, h_m_BE, self.guide), sec_BTD)
        return hidden_BP

    def frame_weights(self, h_s_BE: Tensor, h_m_BE: Tensor) -> dict[str, Tensor]:
        """The weight of each frame of the stream `sec`, [B, T]."""
        return {"sec": self.coattention.weights(join_guide(h_s_BE, h_m_BE, self.guide))}


class TwoEncoderPart(nn.Module):
    """SEC and TEC: fusion, if there is one, and co-attention in one or two streams."""

    def __init__(self, config: ModelConfig, shapes: InputShapes, fusion: Fusion | None) -> None:
        super().__init__()
        self.mask = config.mask
        self.sec, self.tec = last_of("sec", shapes), last_of("tec", shapes)
        self.fusion = fusion
        self.coattention: JointStreamCoAttention | DualStreamCoAttention = (
            _joint_stream if config.streams == "joint" else _dual_stream
        )(config, shapes[self.sec], shapes[self.tec])

    def reads(self, levels: Sequence[str]) -> tuple[Source, ...]:
        """SEC's last level, TEC and, if there is fusion, SEC at these levels."""
        fused = [("sec", level) for level in levels] if self.fusion else []
        return tuple(dict.fromkeys([*fused, self.sec, self.tec]))

    def forward(self, features: Features, level: str, h_s_BE: Tensor, h_m_BE: Tensor) -> Tensor:
        """h_sec and h_tec side by side, [B, 2 P]; `level` is the SEC level that is fused."""
        valid_BT = features.mask(self.tec, self.mask)
        sec_BTD = keep_valid(features[self.sec], features.mask(self.sec, self.mask))
        tec_BTD = keep_valid(features[self.tec], valid_BT)
        if self.fusion is not None:
            tec_BTD = self.fusion(tec_BTD, features.of("sec"), level, valid_BT)
        hidden_BE: Tensor = self.coattention(h_s_BE, h_m_BE, sec_BTD, tec_BTD)
        return hidden_BE

    def frame_weights(self, h_s_BE: Tensor, h_m_BE: Tensor) -> dict[str, Tensor]:
        """The weight of each frame of every stream, [B, T] each."""
        return self.coattention.frame_weights(h_s_BE, h_m_BE)


def last_of(extractor: str, shapes: InputShapes) -> Source:
    """The last array of an extractor: S_N of SEC, TEC itself."""
    return extractor, shapes.of(extractor)[-1]


def _dual_stream(
    config: ModelConfig, sec: Sequence[int], tec: Sequence[int]
) -> DualStreamCoAttention:
    guide, outputs = guide_width(config.projection, config.guide), config.projection
    sec_stream, tec_stream = (
        CoAttention(guide, frames, width, outputs, config.dropout) for frames, width in (sec, tec)
    )
    return DualStreamCoAttention(sec_stream, tec_stream, config.guide)


def _joint_stream(
    config: ModelConfig, sec: Sequence[int], tec: Sequence[int]
) -> JointStreamCoAttention:
    guide, outputs = guide_width(2 * config.projection, config.guide), 2 * config.projection
    (frames, width), (_, tec_width) = sec, tec
    both = CoAttention(guide, frames, width + tec_width, outputs, config.dropout)
    return JointStreamCoAttention(both, config.guide)
