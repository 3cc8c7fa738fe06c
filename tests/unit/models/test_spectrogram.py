"""The spectrogram path: scaling, image, vector."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mfsn.errors import TrainingError
from mfsn.models.config import ModelConfig
from mfsn.models.spectrogram import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    SpectrogramEncoder,
    SpectrogramScaling,
)

S, BINS = 20, 12


def small(**values: object) -> ModelConfig:
    return ModelConfig.parse(
        {"alexnet_width": 0.05, "image_px": [63, 64], "dropout": 0.0, **values}, where="test"
    )


def frames(*counted: int, of: int = S) -> Tensor:
    """Marks of the first frames of each row."""
    return torch.arange(of) < torch.tensor(counted)[:, None]


def levels(rows: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Levels in dB, the utterances' maxima, and marks of the frames of real audio."""
    generator = torch.Generator().manual_seed(seed)
    level = -60 + 10 * torch.randn(rows, S, BINS, generator=generator)
    counted = (torch.rand(rows, generator=generator) * S).ceil().clamp(min=2).tolist()
    return level, level.amax(dim=(1, 2)) + 3, frames(*map(int, counted))


def unscaled(image: Tensor) -> Tensor:
    """The picture in [0, 1] from the normalised one, [B, H, W]."""
    return image[:, 0] * IMAGENET_STD[0] + IMAGENET_MEAN[0]


class TestScaling:
    def test_training_rows_fill_the_unit_interval(self) -> None:
        level, loudest, _ = levels(5)
        scaling = SpectrogramScaling(BINS, "absolute")
        scaling.fit([(level, loudest, frames(*[S] * 5))])
        scaled = scaling(level, loudest)
        assert torch.equal(scaled.amin(dim=(0, 1)), torch.zeros(BINS))
        assert torch.equal(scaled.amax(dim=(0, 1)), torch.ones(BINS))

    def test_other_rows_are_clipped(self) -> None:
        scaling = SpectrogramScaling(1, "absolute")
        scaling.fit([(torch.tensor([[[-50.0], [-30.0]]]), torch.zeros(1), frames(2, of=2))])
        scaled = scaling(torch.tensor([[[-90.0], [-45.0], [10.0]]]), torch.zeros(1))
        assert scaled.flatten().tolist() == [0.0, 0.25, 1.0]

    def test_padding_is_not_fitted(self) -> None:
        level, loudest, _ = levels(2)
        padded = level.clone()
        padded[:, S // 2 :] = torch.tensor([500.0, math.nan])[:, None, None]
        scaling, cut = (SpectrogramScaling(BINS, "absolute") for _ in range(2))
        scaling.fit([(padded, loudest, frames(S // 2, S // 2))])
        cut.fit([(level[:, : S // 2], loudest, frames(S, S, of=S // 2))])
        assert torch.equal(scaling.low_F, cut.low_F)
        assert torch.equal(scaling.high_F, cut.high_F)

    def test_rows_are_fitted_in_pieces_with_the_same_result(self) -> None:
        level, loudest, valid = levels(11)
        whole, pieces = (SpectrogramScaling(BINS, "utterance") for _ in range(2))
        whole.fit([(level, loudest, valid)])
        cuts = [slice(first, first + 4) for first in range(0, 11, 4)]
        pieces.fit((level[cut], loudest[cut], valid[cut]) for cut in cuts)
        assert torch.equal(whole.low_F, pieces.low_F)
        assert torch.equal(whole.high_F, pieces.high_F)

    def test_relative_to_the_utterance_loudness_does_not_matter(self) -> None:
        level, loudest, valid = levels(3)
        scaling = SpectrogramScaling(BINS, "utterance")
        scaling.fit([(level, loudest, valid)])
        torch.testing.assert_close(scaling(level + 20, loudest + 20), scaling(level, loudest))

    def test_absolute_levels_tell_loud_from_soft(self) -> None:
        level, loudest, valid = levels(3)
        scaling = SpectrogramScaling(BINS, "absolute")
        scaling.fit([(level, loudest, valid)])
        assert (scaling(level + 5, loudest + 5) >= scaling(level, loudest)).all()
        assert not torch.allclose(scaling(level + 5, loudest + 5), scaling(level, loudest))

    def test_a_constant_bin_stays_finite(self) -> None:
        scaling = SpectrogramScaling(1, "absolute")
        scaling.fit([(torch.full((2, 3, 1), -100.0), torch.zeros(2), frames(3, 3, of=3))])
        scaled = scaling(torch.tensor([[[-100.0], [-120.0], [-20.0]]]), torch.zeros(1))
        assert scaled.flatten().tolist() == [0.0, 0.0, 1.0]

    def test_unfitted_it_gives_no_finite_value(self) -> None:
        level, loudest, _ = levels(1)
        assert SpectrogramScaling(BINS, "absolute")(level, loudest).isnan().all()

    def test_bounds_are_saved_with_the_weights(self) -> None:
        scaling, loaded = (SpectrogramScaling(BINS, "absolute") for _ in range(2))
        scaling.fit([levels(4)])
        loaded.load_state_dict(scaling.state_dict())
        assert torch.equal(loaded.low_F, scaling.low_F)
        assert torch.equal(loaded.high_F, scaling.high_F)

    def test_no_rows_cannot_be_fitted(self) -> None:
        with pytest.raises(TrainingError, match="no training rows"):
            SpectrogramScaling(BINS, "absolute").fit([])

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_a_level_that_is_no_number_is_refused_and_nothing_set(self, value: float) -> None:
        level, loudest, _ = levels(3)
        level[1, 2, 3] = value
        scaling = SpectrogramScaling(BINS, "absolute")
        with pytest.raises(TrainingError, match="not finite"):
            scaling.fit([(level, loudest, frames(S, S, S))])
        assert scaling.low_F.isnan().all()


class TestEncoder:
    def fitted(self, **values: object) -> SpectrogramEncoder:
        torch.manual_seed(0)
        encoder = SpectrogramEncoder(small(**values), BINS, 6)
        encoder.scaling.fit([levels(8)])
        return encoder

    def test_low_frequencies_lie_at_the_bottom_and_time_runs_right(self) -> None:
        encoder = self.fitted()
        extremes = torch.tensor([0.0, 1.0])[:, None, None].expand(2, S, BINS)
        encoder.scaling.fit([(extremes, torch.zeros(2), frames(S, S))])
        low_then_silent = torch.zeros(1, S, BINS)
        low_then_silent[0, : S // 2, : BINS // 2] = 1.0
        picture = unscaled(encoder.image(low_then_silent, torch.zeros(1), frames(S)))[0]
        assert picture[50:, :20].min() > 0.9
        assert picture[:20].max() < 0.1
        assert picture[:, 44:].max() < 0.1

    def test_three_equal_channels_normalised_as_for_imagenet(self) -> None:
        level, loudest, valid = levels(2)
        image = self.fitted().image(level, loudest, valid)
        assert image.shape == (2, 3, 63, 64)
        mean, std = (torch.tensor(v)[:, None, None] for v in (IMAGENET_MEAN, IMAGENET_STD))
        channels = image * std + mean
        torch.testing.assert_close(channels[:, 0], channels[:, 1])
        torch.testing.assert_close(channels[:, 0], channels[:, 2])
        assert channels.min() > -1e-5
        assert channels.max() < 1 + 1e-5

    def test_frames_that_do_not_count_are_black(self) -> None:
        level, loudest, _ = levels(1)
        level[:, S // 2 :] = 0.0
        picture = unscaled(self.fitted().image(level, loudest, frames(S // 2)))
        assert picture[0, :, 36:].abs().max() < 1e-5
        without = self.fitted().image(level, loudest, frames(S))
        assert unscaled(without)[0, :, 36:].min() > 0.9

    def test_gives_one_vector_a_segment(self) -> None:
        vector = self.fitted()(*levels(3))
        assert vector.shape == (3, 6)
        assert (vector >= 0).all()
        assert vector.any()

    def test_constants_are_not_saved(self) -> None:
        assert {key for key in self.fitted().state_dict() if "3HW" in key} == set()
