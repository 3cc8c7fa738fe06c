"""Co-attention: spectrogram and MFCC say which frames of SEC and of TEC count.

CA-MSER (models/ser_model.py, high confidence) has one such stream on one encoder. MFSN has two: it
doubles the spectrogram and MFCC vectors and gives one half to each (where it doubles them is
assumed, facts 2.8). For comparison, there are also one stream for both encoders, and a guide of
MFCC alone.

Shapes: B batch, T frames, D encoder width, P width of a stream's half of h_s or h_m, G guide.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mfsn.models.config import Guide


class CoAttention(nn.Module):
    """One stream: a = ReLU(g W_a + b_a), p = sum over t of a_t H_t, h = ReLU(p W + b).

    The weights a are not normalised, since the published code leaves its softmax out. There is one
    weight per frame index, so that the number of frames is fixed. Frames of padding are zero in H,
    so that their weights do not count.
    """

    def __init__(self, guide: int, frames: int, width: int, outputs: int, dropout: float) -> None:
        """Make a stream with random weights.

        Args:
            guide: G.
            frames: T.
            width: D.
            outputs: width of h.
            dropout: on the guide and on p.
        """
        super().__init__()
        self.frame_weights = nn.Linear(guide, frames)
        self.project = nn.Linear(width, outputs)
        self.dropout = nn.Dropout(dropout)

    def weights(self, guide_BG: Tensor) -> Tensor:
        """a, the weight of each frame, [B, T], not below 0."""
        return torch.relu(self.frame_weights(self.dropout(guide_BG)))

    def forward(self, guide_BG: Tensor, encoder_BTD: Tensor) -> Tensor:
        """h, [B, outputs].

        Args:
            guide_BG: g, what says which frames count.
            encoder_BTD: H, SEC or TEC.
        """
        pooled_BD = torch.einsum("bt,btd->bd", self.weights(guide_BG), encoder_BTD)
        return torch.relu(self.project(self.dropout(pooled_BD)))


class DualStreamCoAttention(nn.Module):
    """Two streams: the first halves of h_s and h_m guide SEC, the second halves TEC."""

    def __init__(self, sec: CoAttention, tec: CoAttention, guide: Guide) -> None:
        super().__init__()
        self.sec = sec
        self.tec = tec
        self.guide = guide

    def forward(self, h_s_BE: Tensor, h_m_BE: Tensor, sec_BTD: Tensor, tec_BTD: Tensor) -> Tensor:
        """The vectors of SEC and TEC side by side, [B, 2 P].

        Args:
            h_s_BE: spectrogram vector, E = 2 P.
            h_m_BE: MFCC vector, E = 2 P.
            sec_BTD: S_N.
            tec_BTD: T', the fused TEC.
        """
        for_sec_BG, for_tec_BG = self._guides(h_s_BE, h_m_BE)
        return torch.cat([self.sec(for_sec_BG, sec_BTD), self.tec(for_tec_BG, tec_BTD)], dim=1)

    def frame_weights(self, h_s_BE: Tensor, h_m_BE: Tensor) -> dict[str, Tensor]:
        """The weights of each stream, `sec` and `tec`, [B, T]; arguments as in `forward`."""
        for_sec_BG, for_tec_BG = self._guides(h_s_BE, h_m_BE)
        return {"sec": self.sec.weights(for_sec_BG), "tec": self.tec.weights(for_tec_BG)}

    def _guides(self, h_s_BE: Tensor, h_m_BE: Tensor) -> tuple[Tensor, Tensor]:
        halves = zip(h_s_BE.chunk(2, dim=1), h_m_BE.chunk(2, dim=1), strict=True)
        for_sec_BG, for_tec_BG = (join_guide(s_BP, m_BP, self.guide) for s_BP, m_BP in halves)
        return for_sec_BG, for_tec_BG


class JointStreamCoAttention(nn.Module):
    """One stream: SEC and TEC lie side by side, with one weight per frame for both."""

    def __init__(self, both: CoAttention, guide: Guide) -> None:
        super().__init__()
        self.both = both
        self.guide = guide

    def forward(self, h_s_BE: Tensor, h_m_BE: Tensor, sec_BTD: Tensor, tec_BTD: Tensor) -> Tensor:
        """The vector of SEC and TEC together, [B, 2 P]; arguments as in `DualStreamCoAttention`."""
        guide_BG = join_guide(h_s_BE, h_m_BE, self.guide)
        hidden_BE: Tensor = self.both(guide_BG, torch.cat([sec_BTD, tec_BTD], dim=2))
        return hidden_BE

    def frame_weights(self, h_s_BE: Tensor, h_m_BE: Tensor) -> dict[str, Tensor]:
        """The weights of the one stream, `both`, [B, T]; arguments as in `forward`."""
        return {"both": self.both.weights(join_guide(h_s_BE, h_m_BE, self.guide))}


def join_guide(s_BP: Tensor, m_BP: Tensor, guide: Guide) -> Tensor:
    """The guide of a stream: both vectors side by side, or that of MFCC alone."""
    return m_BP if guide == "mfcc" else torch.cat([s_BP, m_BP], dim=1)


def guide_width(half: int, guide: Guide) -> int:
    """Width of the result of `join_guide` for two vectors with `half` values each."""
    return half if guide == "mfcc" else 2 * half
