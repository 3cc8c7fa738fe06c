"""The spectrogram path: dB in, one vector per segment out.

All of it is inside the network, so that training, evaluation, prediction and export share one copy
of the scaling. It computes in floating point. With `segment.reading: as_published` it gives the
pictures of CA-MSER (data_utils.py, models/ser_model.py), which have 8 bits and are resized by PIL.

Shapes: B batch, S spectrogram frames, F frequency bins, H and W image height and width, E output.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from mfsn.errors import TrainingError
from mfsn.models.alexnet import AlexNetFeatures
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import keep_valid
from mfsn.models.picture import resized, resized_bytes
from mfsn.segments.config import Reading

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Levels = tuple[Tensor, Tensor, Tensor]
"""Rows of a spectrogram in absolute dB, [B, S, F]; the largest level of each row's utterance in dB,
[B]; the frames of real audio, bool, [B, S]."""


class SpectrogramScaling(nn.Module):
    """Min-max scaling per frequency bin, to [0, 1], with bounds from training rows.

    The bounds are buffers, which are saved with the weights. Before `fit` they are NaN, so that a
    network without them cannot give a finite score.
    """

    low_F: Tensor
    high_F: Tensor

    def __init__(self, bins: int, reference: Literal["absolute", "utterance"]) -> None:
        """Make an unfitted scaling.

        Args:
            bins: F.
            reference: `absolute` level, or level relative to the `utterance`'s maximum.
        """
        super().__init__()
        self.reference = reference
        self.register_buffer("low_F", torch.full((bins,), math.nan))
        self.register_buffer("high_F", torch.full((bins,), math.nan))

    def fit(self, batches: Iterable[Levels]) -> None:
        """Take the smallest and largest level of each bin over all frames of real audio.

        Padding never counts, even with `model.mask: none`, since its level is not one of speech.

        Args:
            batches: the training rows, some at a time, so that a corpus needs no second copy.

        Raises:
            TrainingError: if there is no row, or a level is not a finite number.
        """
        found = [self._bounds(*batch) for batch in batches]
        if not found:
            raise TrainingError("the spectrogram scaling has no training rows; check the protocol")
        low_F = torch.stack([low_F for low_F, _ in found]).amin(dim=0)
        high_F = torch.stack([high_F for _, high_F in found]).amax(dim=0)
        if not (low_F.isfinite() & high_F.isfinite()).all():
            raise TrainingError(
                "a training row of the spectrogram holds a value that is not finite; run "
                "`mfsn cache verify`"
            )
        self.low_F.copy_(low_F)
        self.high_F.copy_(high_F)

    def forward(self, level_BSF: Tensor, utterance_max_B: Tensor) -> Tensor:
        """Scale and clip to [0, 1]; a bin that was constant in training gives 0 at that level."""
        level_BSF = self._refer(level_BSF, utterance_max_B)
        return ((level_BSF - self.low_F) / self._span()).clamp(0, 1)

    def _span(self) -> Tensor:
        span_F = self.high_F - self.low_F
        return torch.where(span_F > 0, span_F, 1.0)

    def _bounds(
        self, level_BSF: Tensor, utterance_max_B: Tensor, valid_BS: Tensor
    ) -> tuple[Tensor, Tensor]:
        level_BSF = self._refer(level_BSF, utterance_max_B)
        speech_BS1 = valid_BS[:, :, None]
        low_F = torch.where(speech_BS1, level_BSF, math.inf).amin(dim=(0, 1))
        return low_F, torch.where(speech_BS1, level_BSF, -math.inf).amax(dim=(0, 1))

    def _refer(self, level_BSF: Tensor, utterance_max_B: Tensor) -> Tensor:
        if self.reference == "absolute":
            return level_BSF
        return level_BSF - utterance_max_B[:, None, None]


class PublishedScaling(SpectrogramScaling):
    """The same in the order in which scikit-learn's MinMaxScaler rounds.

    The values are cut off to 8 bits next. Another order of rounding would put some of them on
    the other side of a whole number, among them those of all padding.
    """

    def forward(self, level_BSF: Tensor, utterance_max_B: Tensor) -> Tensor:
        """Scale and clip to [0, 1]."""
        factor_F = 1 / self._span()
        level_BSF = self._refer(level_BSF, utterance_max_B)
        return (level_BSF * factor_F - self.low_F * factor_F).clamp(0, 1)


class SpectrogramEncoder(nn.Module):
    """Scaling, image, AlexNet, then h_s = ReLU(Linear(dropout(features)))."""

    mean_3HW: Tensor
    std_3HW: Tensor

    def __init__(
        self, config: ModelConfig, bins: int, outputs: int, reading: Reading = "fixed"
    ) -> None:
        """Make the path with random weights and an unfitted scaling.

        Args:
            config: sizes and variants.
            bins: F.
            outputs: E.
            reading: of the rows; as_published gives pictures of 8 bits.
        """
        super().__init__()
        self.image_px = config.image_px
        as_published = reading == "as_published"
        scaling = PublishedScaling if as_published else SpectrogramScaling
        self.scaling = scaling(bins, config.spectrogram_reference)
        self.resize = resized_bytes if as_published else resized
        self.alexnet = AlexNetFeatures(config.alexnet_width)
        self.dropout = nn.Dropout(config.dropout)
        self.project = nn.Linear(self.alexnet.outputs, outputs)
        for name, values in (("mean_3HW", IMAGENET_MEAN), ("std_3HW", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def image(self, level_BSF: Tensor, utterance_max_B: Tensor, valid_BS: Tensor) -> Tensor:
        """The picture that AlexNet sees, [B, 3, H, W].

        Low frequencies lie at the bottom, time runs to the right, and frames that do not count are
        black. The three channels are one picture with ImageNet's mean and standard deviation.
        Arguments as in `forward`.
        """
        scaled_BSF = self.scaling(level_BSF, utterance_max_B)
        upright_B1FS = keep_valid(scaled_BSF, valid_BS).transpose(1, 2).flip(1)[:, None]
        image_B1HW = self.resize(upright_B1FS, self.image_px)
        return (image_B1HW - self.mean_3HW) / self.std_3HW

    def forward(self, level_BSF: Tensor, utterance_max_B: Tensor, valid_BS: Tensor) -> Tensor:
        """h_s, [B, E].

        Args:
            level_BSF: absolute dB, frames by bins.
            utterance_max_B: largest level of each row's utterance, dB.
            valid_BS: bool, the frames that count.
        """
        features_BN66 = self.alexnet(self.image(level_BSF, utterance_max_B, valid_BS))
        return torch.relu(self.project(self.dropout(features_BN66.flatten(1))))
