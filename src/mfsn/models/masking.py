"""Which frames hold real audio.

Shapes: B batch, T frames, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mfsn.models.config import Mask

# A share comes rounded to float32: 0.01 of 300 frames may turn out a little above 3. That error is
# below 1e-5 frames; a true overhang is at least one 48,000th of a frame.
ROUNDING_FRAMES = 1e-5


def valid_frames(valid_B: Tensor, frames: int, mask: Mask) -> Tensor:
    """Mark the frames that begin within the real audio.

    Args:
        valid_B: share of each segment that is real audio, in (0, 1].
        frames: number of frames T of a segment.
        mask: `valid`, or `none` to mark every frame, as the published code does.

    Returns:
        [B, T], bool: frame t is marked when t < ceil(valid * T); the first frame always is.
    """
    if mask == "none":
        return torch.ones(len(valid_B), frames, dtype=torch.bool, device=valid_B.device)
    count_B = (valid_B.double() * frames - ROUNDING_FRAMES).clamp(min=1)
    return torch.arange(frames, device=valid_B.device) < count_B[:, None]


def keep_valid(x_BTD: Tensor, valid_BT: Tensor) -> Tensor:
    """Set every frame that is not marked to zero, whatever it holds (NaN included)."""
    return torch.where(valid_BT[:, :, None], x_BTD, 0.0)
