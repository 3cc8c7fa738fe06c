"""Dual-stream co-attention: spectrogram and MFCC say which frames of SEC and of TEC count.

CA-MSER (models/ser_model.py, high confidence) has one such stream; MFSN doubles the spectrogram and
MFCC vectors and gives one half to each encoder (the place of the doubling is assumed, facts 2.8).

Shapes: B batch, T frames, D encoder width, P projection (one half of h_s or h_m).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CoAttention(nn.Module):
    """One stream: a = ReLU([s; m] W_a + b_a), p = sum over t of a_t H_t, h = ReLU(p W + b).

    The weights a are not normalised: the published code has its softmax commented out. There is one
    weight a frame index, so the number of frames is fixed. Frames of padding are zero in H, so that
    their weights count for nothing.
    """

    def __init__(self, projection: int, frames: int, width: int, dropout: float) -> None:
        super().__init__()
        self.frame_weights = nn.Linear(2 * projection, frames)
        self.project = nn.Linear(width, projection)
        self.dropout = nn.Dropout(dropout)

    def forward(self, s_BP: Tensor, m_BP: Tensor, encoder_BTD: Tensor) -> Tensor:
        """The encoder's vector, [B, P].

        Args:
            s_BP: half of the spectrogram vector.
            m_BP: half of the MFCC vector.
            encoder_BTD: H, SEC or TEC.
        """
        guide_BE = self.dropout(torch.cat([s_BP, m_BP], dim=1))
        weights_BT = torch.relu(self.frame_weights(guide_BE))
        pooled_BD = torch.einsum("bt,btd->bd", weights_BT, encoder_BTD)
        return torch.relu(self.project(self.dropout(pooled_BD)))


class DualStreamCoAttention(nn.Module):
    """Two streams: the first halves of h_s and h_m guide SEC, the second halves TEC."""

    def __init__(self, sec: CoAttention, tec: CoAttention) -> None:
        super().__init__()
        self.sec = sec
        self.tec = tec

    def forward(self, h_s_BE: Tensor, h_m_BE: Tensor, sec_BTD: Tensor, tec_BTD: Tensor) -> Tensor:
        """The vectors of SEC and TEC side by side, [B, 2 P].

        Args:
            h_s_BE: spectrogram vector, E = 2 P.
            h_m_BE: MFCC vector, E = 2 P.
            sec_BTD: S_N.
            tec_BTD: T', the fused TEC.
        """
        s_for_sec_BP, s_for_tec_BP = h_s_BE.chunk(2, dim=1)
        m_for_sec_BP, m_for_tec_BP = h_m_BE.chunk(2, dim=1)
        h_sec_BP = self.sec(s_for_sec_BP, m_for_sec_BP, sec_BTD)
        h_tec_BP = self.tec(s_for_tec_BP, m_for_tec_BP, tec_BTD)
        return torch.cat([h_sec_BP, h_tec_BP], dim=1)
