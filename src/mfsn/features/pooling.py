"""The mean over the frames of a segment that hold real audio.

Shapes: B batch, T frames, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mfsn.base.arrays import Int64


def mean_over_valid(hidden_BTD: Tensor, valid_B: Int64, samples: int) -> Tensor:
    """The mean over the valid frames of each segment, in float32.

    A frame is valid if it begins within the real audio; the networks count in the same way. The
    first frame is always valid.

    Args:
        hidden_BTD: hidden states, any floating dtype, any device.
        valid_B: samples of real audio in each segment, from 0.
        samples: length of a segment with its padding.

    Returns:
        [B, 1, D]: one frame per segment.
    """
    frames = hidden_BTD.shape[1]
    count_B = (-(-valid_B * frames // samples)).clip(1, frames)  # rounded up, in whole numbers
    count_B1 = torch.from_numpy(count_B).to(hidden_BTD.device)[:, None]
    is_valid_BT = torch.arange(frames, device=hidden_BTD.device) < count_B1
    kept_BTD = torch.where(is_valid_BT[:, :, None], hidden_BTD.float(), 0.0)
    return kept_BTD.sum(dim=1, keepdim=True) / count_B1[:, :, None]
