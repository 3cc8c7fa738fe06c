"""Pictures of 8 bits: PIL's, to the last of their shades."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import torch

from mfsn.models.config import ModelConfig
from mfsn.models.picture import resized_bytes
from mfsn.models.spectrogram import PublishedScaling, SpectrogramEncoder, SpectrogramScaling

SIZES = {"published": (256, 384), "larger": (260, 390), "smaller": (64, 96), "as it is": (200, 300)}


@pytest.mark.parametrize("name", SIZES)
def test_a_resized_picture_is_pils(name: str) -> None:
    """At the published size exactly; else a brightness between two shades may become either."""
    brightness = np.random.default_rng(0).random((200, 300), np.float32)
    height, width = SIZES[name]
    grey = PIL.Image.fromarray((brightness * 255).astype(np.uint8))
    expected = np.asarray(grey.resize((width, height), PIL.Image.Resampling.BILINEAR)).astype(int)
    found = resized_bytes(torch.from_numpy(brightness)[None, None], (height, width))[0, 0] * 255
    apart = np.abs(found.round().numpy().astype(int) - expected)
    assert apart.max() <= (0 if name == "published" else 1)
    assert (apart > 0).mean() < 0.05


def test_brightness_is_cut_off_and_not_rounded() -> None:
    brightness = torch.tensor([0.0, 0.9999 / 255, 254.9 / 255, 1.0]).reshape(1, 1, 2, 2)
    assert (resized_bytes(brightness, (2, 2)) * 255).flatten().tolist() == [0, 0, 254, 255]


def test_the_reading_decides_scaling_and_resizing() -> None:
    config = ModelConfig(alexnet_width=0.02, image_px=(63, 64))
    fixed = SpectrogramEncoder(config, 12, 4)
    published = SpectrogramEncoder(config, 12, 4, "as_published")
    assert type(fixed.scaling) is SpectrogramScaling
    assert type(published.scaling) is PublishedScaling
    level = -80 * torch.rand(2, 20, 12)
    whole, pictures = torch.ones(2, 20, dtype=torch.bool), []
    for encoder in (fixed, published):
        encoder.scaling.fit([(level, torch.zeros(2), whole)])
        pictures.append(encoder.image(level, torch.zeros(2), whole)[:, 0] * 0.229 + 0.485)
    shades = pictures[1] * 255
    torch.testing.assert_close(shades, shades.round(), rtol=0, atol=1e-3)
    assert (pictures[0] * 255 - (pictures[0] * 255).round()).abs().max() > 0.4
    assert (pictures[0] - pictures[1]).abs().max() < 2 / 255


def test_a_bin_that_was_constant_in_training_gives_0_at_its_level() -> None:
    scaling = PublishedScaling(1, "absolute")
    whole = torch.ones(1, 2, dtype=torch.bool)
    scaling.fit([(torch.full((1, 2, 1), -30.0), torch.zeros(1), whole)])
    assert scaling(
        torch.tensor([[[-40.0], [-30.0], [-20.0]]]), torch.zeros(1)
    ).flatten().tolist() == [0, 0, 1]
