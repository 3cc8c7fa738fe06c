"""What Whisper's encoder hears: a log-mel spectrogram of 30 seconds, most of them padding here.

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
"""Of the second of the encoder's two convolutions; the first has none."""


class LogMel:
    """Segments as Whisper's own preprocessor gives them: each clip alone, padded to its window.

    The encoder was trained on 30 seconds with silence behind shorter clips, takes no attention mask
    (transformers, WhisperEncoder.forward), and computes all 1,500 frames; those of the segment are
    kept, 150 for 3 s.
    """

    def __init__(self, preprocessor: WhisperFeatureExtractor, samples: int) -> None:
        """Prepare for segments of a length.

        Raises:
            ConfigError: if a segment is longer than the window, or shorter than a frame.
        """
        hop, window = preprocessor.hop_length * _STRIDE, preprocessor.n_samples
        if not hop <= samples <= window:
            raise ConfigError(
                f"Whisper hears {hop} to {window} samples, but a segment has {samples}; change "
                "segment.duration_s"
            )
        self._preprocessor = preprocessor
        self.frames = -(-samples // hop)
        """Frames that begin within a segment."""

    def __call__(self, waves_BN: Float32, heard_B: Int64) -> Tensor:
        """The spectrograms, [B, M, 3000], float32, on the CPU.

        Args:
            waves_BN: padded segments.
            heard_B: how many samples of each count, from 1.
        """
        clips = [wave[:heard] for wave, heard in zip(waves_BN, heard_B, strict=True)]
        rate = self._preprocessor.sampling_rate
        processed = self._preprocessor(clips, sampling_rate=rate, return_tensors="np")
        return torch.from_numpy(np.ascontiguousarray(processed["input_features"], np.float32))
