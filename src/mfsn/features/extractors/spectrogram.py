"""Extractor `spectrogram`: the level of the lowest frequency bins, in absolute dB."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
import torch
import torchaudio
from torch import Tensor

from mfsn.base.arrays import Float32, Int64
from mfsn.config import Config
from mfsn.features.base import Rows
from mfsn.features.casting import to_storage
from mfsn.features.config import SpectrogramConfig
from mfsn.features.device import to_device
from mfsn.features.extractors.framed import FramedExtractor
from mfsn.features.framing import cut_frames, require, whole_frames, whole_samples
from mfsn.store.spec import ArraySpec

PUBLISHED_RANGE_DB = 80.0
"""`top_db` of librosa: levels further below the utterance's maximum are clipped, as published."""


class SpectrogramExtractor(FramedExtractor[SpectrogramConfig]):
    """|STFT| in dB: 300 frames of 200 bins for a segment of 3 s.

    The window is a periodic Hamming window, frames are centred, and there are zeros beyond both
    ends (the defaults of librosa). The source is `logspec` in CA-MSER, features_util.py (section
    1.2 of the facts, confidence H). The reference is |STFT| = 1, as in
    `librosa.amplitude_to_db(S, ref=1.0, top_db=None)`. So a full-scale sine in the middle of a bin
    lies at 20 log10(sum of the window / 2) = 44.75 dB, and digital silence at `floor_db`. The
    reference of CA-MSER is the utterance's maximum; readers apply it, from `max_db`.
    """

    name: ClassVar[str] = "spectrogram"
    config_type: ClassVar[type[Config]] = SpectrogramConfig
    version: ClassVar[int] = 1

    def __init__(self, config: SpectrogramConfig, sample_rate_hz: int, samples: int) -> None:
        """Prepare the transform for segments of `samples` samples.

        Raises:
            ConfigError: if window or hop is not a whole number of samples, the segment is not a
                whole number of hops, the window exceeds `n_fft`, or there are fewer bins.
        """
        super().__init__(config)
        window = whole_samples(config.window_ms, sample_rate_hz, "spectrogram.window_ms")
        hop = whole_samples(config.hop_ms, sample_rate_hz, "spectrogram.hop_ms")
        _require_fitting(config, window)
        self._frames = whole_frames(samples, hop, "spectrogram.hop_ms")
        self._magnitude = torchaudio.transforms.Spectrogram(
            n_fft=config.n_fft,
            win_length=window,
            hop_length=hop,
            window_fn=torch.hamming_window,
            power=1.0,
            pad_mode="constant",
        ).to(self._device)

    @classmethod
    def as_published(cls) -> type[SpectrogramExtractor]:
        """The class to use when `segment.reading` is as_published."""
        return PublishedSpectrogramExtractor

    @property
    def arrays(self) -> tuple[ArraySpec, ...]:
        """`level_db` (frames, bins), and `max_db`, the segment's maximum over all bins."""
        shape = (self._frames, self._config.bins)
        return (
            ArraySpec("level_db", shape, self._config.dtype, ("frame", "bin")),
            ArraySpec("max_db", (), "float32", ()),
        )

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:  # noqa: ARG002
        """Compute levels in dB; see `Extractor.extract`."""
        level_BFS = self._level(to_device(waves_BT, self._device))
        kept_BSF = level_BFS[:, : self._config.bins, : self._frames].transpose(1, 2)
        return {
            "level_db": to_storage(kept_BSF, self._config.dtype, "spectrogram level_db"),
            "max_db": to_storage(level_BFS.amax(dim=(1, 2)), "float32", "spectrogram max_db"),
        }

    def _level(self, waves_BT: Tensor) -> Tensor:
        # Written out, because torchaudio's AmplitudeToDB clips the power and not the level.
        magnitude_BFS = self._magnitude(waves_BT)
        floor = math.pow(10.0, self._config.floor_db / 20)
        level_BFS: Tensor = 20 * magnitude_BFS.clamp(min=floor).log10()
        return level_BFS


def _require_fitting(config: SpectrogramConfig, window: int) -> None:
    available = config.n_fft // 2 + 1
    require(
        window <= config.n_fft,
        f"spectrogram.window_ms is {window} samples, more than n_fft {config.n_fft}",
    )
    require(
        config.bins <= available,
        f"spectrogram.bins {config.bins}: n_fft {config.n_fft} gives {available} bins",
    )


class PublishedSpectrogramExtractor(SpectrogramExtractor):
    """`librosa.amplitude_to_db(S, ref=np.max)` of a whole utterance, cut to segments.

    Levels go from -80 dB to 0, which is the maximum of the utterance over all bins. `max_db` is 0,
    so neither value of `model.spectrogram_reference` changes them. The frames at both ends of a
    segment see its neighbours. Padding after the last frame is 0, the level of the maximum
    (CA-MSER, features_util.py; facts 1.2 and 1.3, confidence H).
    """

    context: ClassVar[Literal["segment", "utterance"]] = "utterance"

    @torch.inference_mode()
    def extract(self, waves_BT: Float32, valid_B: Int64) -> Rows:  # noqa: ARG002
        """Compute the segments of one utterance; see `Extractor.extract`."""
        level_FT = self._level(to_device(waves_BT, self._device))[0]
        relative_FT = (level_FT - level_FT.max()).clamp(min=-PUBLISHED_RANGE_DB)
        level_BSF = cut_frames(relative_FT[: self._config.bins].T, self._frames)
        return {
            "level_db": to_storage(level_BSF, self._config.dtype, "spectrogram level_db"),
            "max_db": np.zeros(len(level_BSF), np.float32),
        }
