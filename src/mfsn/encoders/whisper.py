"""What Whisper's encoder hears: a log-mel spectrogram of 30 seconds, padded with silence.

Shapes: B batch, N samples, M mel bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mfsn.base.arrays import Float32, Int64
from mfsn.errors import ConfigError

if TYPE_CHECKING:
    from transformers import WhisperFeatureExtractor

_STRIDE = 2
"""Of the second of the encoder's two convolutions; the first has stride 1."""


class LogMel:
    """Clips as Whisper's own preprocessor gives them: each clip alone, padded to 30 seconds.

    The encoder was trained on 30 seconds with silence after shorter clips. It takes no attention
    mask (transformers, WhisperEncoder.forward) and always computes all 1,500 frames, one every 20
    ms. Frame f begins at sample 320 f, so 3 seconds are 150 frames.
    """

    def __init__(self, preprocessor: WhisperFeatureExtractor, samples: int) -> None:
        """Prepare for segments of a length.

        Raises:
            ConfigError: if a segment is longer than 30 seconds, or shorter than a frame.
        """
        self.hop: int = preprocessor.hop_length * _STRIDE
        """Samples from one frame to the next."""
        self.window: int = preprocessor.n_samples
        """Samples of 30 seconds."""
        if not self.hop <= samples <= self.window:
            raise ConfigError(
                f"Whisper hears {self.hop} to {self.window} samples, but a segment has {samples}; "
                "change segment.duration_s"
            )
        self._preprocessor = preprocessor
        self.frames = -(-samples // self.hop)
        """Frames that begin within a segment."""

    def __call__(self, waves_BN: Float32, heard_B: Int64) -> Tensor:
        """The spectrograms, [B, M, 3000], float32, on the CPU.

        Args:
            waves_BN: padded clips.
            heard_B: how many samples of each are valid, from 1.
        """
        clips = [wave[:heard] for wave, heard in zip(waves_BN, heard_B, strict=True)]
        rate = self._preprocessor.sampling_rate
        processed = self._preprocessor(clips, sampling_rate=rate, return_tensors="np")
        return torch.from_numpy(np.ascontiguousarray(processed["input_features"], np.float32))
