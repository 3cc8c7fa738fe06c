"""`levels: all` and `frames: mean`: what probes of every layer read."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.errors import ConfigError
from mfsn.features.config import EncoderConfig
from mfsn.features.extractors.encoder import EncoderExtractor, SecExtractor
from mfsn.features.pooling import mean_over_valid
from mfsn.features.registry import remake_extractor
from mfsn.models.inputs import positions_within

MakeCheckpoint = Callable[..., Path]
Waves = npt.NDArray[np.float32]
SAMPLES = 8_000
FRAMES = 24


def make(folder: Path, **more: Any) -> EncoderExtractor:
    config = EncoderConfig.parse({"model": str(folder), "levels": "all"} | more, "params.yaml: sec")
    return SecExtractor(config, 16_000, SAMPLES)


def test_every_hidden_state_gets_a_name_in_order(make_checkpoint: MakeCheckpoint) -> None:
    folder = make_checkpoint()
    arrays = make(folder).arrays
    assert [array.name for array in arrays] == ["layer_00", "layer_01", "layer_02"]
    assert make(folder).about["levels"] == ["layer_00", "layer_01", "layer_02"]
    named = make(folder, levels={"layer_00": 0, "layer_01": 1, "layer_02": 2})
    assert named.parameters == make(folder).parameters


def test_a_mean_is_that_of_the_frames_of_real_audio(
    make_checkpoint: MakeCheckpoint, waves: Waves
) -> None:
    folder, valid = make_checkpoint(), np.array([8_000, 4_000, 1, 0, 333, 334, 7_999, 2_000])
    every = make(folder, dtype="float32").extract(waves[:8], valid)
    means = make(folder, dtype="float32", frames="mean").extract(waves[:8], valid)
    assert list(means) == list(every)
    for name, rows in every.items():
        assert means[name].shape == (8, 1, 16)
        for row, samples in enumerate(valid):
            frames = max(1, math.ceil(FRAMES * samples / SAMPLES))
            expected = rows[row, :frames].astype(np.float64).mean(axis=0)
            assert np.allclose(means[name][row, 0], expected, atol=1e-5), (name, row)


def test_what_lies_in_the_padding_does_not_reach_the_mean() -> None:
    hidden = torch.randn(2, 10, 3)
    spoilt = hidden.clone()
    spoilt[:, 5:] = float("nan")
    valid = np.array([500, 401])
    assert torch.equal(mean_over_valid(hidden, valid, 1000), mean_over_valid(spoilt, valid, 1000))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 48_000), st.integers(1, 200), st.integers(400, 48_000))
def test_valid_frames_are_those_of_the_networks(valid: int, frames: int, samples: int) -> None:
    valid = min(valid, samples)
    hidden = torch.arange(frames).float()[None, :, None]
    (count,) = positions_within(np.array([valid]), samples, frames)
    own = hidden[0, :count].mean()
    assert torch.allclose(mean_over_valid(hidden, np.array([valid]), samples)[0, 0, 0], own)


def test_the_defaults_leave_identity_and_digest_as_they_were(
    make_checkpoint: MakeCheckpoint,
) -> None:
    levels = {"low": 1, "high": -1}
    folder = make_checkpoint()
    plain, means = make(folder, levels=levels), make(folder, levels=levels, frames="mean")
    assert "frames" not in plain.parameters
    assert "frames" not in plain.about["config"]
    assert means.parameters == {**plain.parameters, "frames": "mean"}
    shapes = [array.shape for array in (*plain.arrays, *means.arrays)]
    assert shapes == [(24, 16), (24, 16), (1, 16), (1, 16)]


@pytest.mark.parametrize("more", [{}, {"frames": "mean"}, {"levels": {"b": 1, "a": 2}}])
def test_a_model_makes_its_extractor_again(
    make_checkpoint: MakeCheckpoint, more: dict[str, Any]
) -> None:
    made = make(make_checkpoint(), **more)
    again = remake_extractor("sec", made.about, 16_000, SAMPLES)
    assert again.arrays == made.arrays
    assert again.parameters == made.parameters


@pytest.mark.parametrize(
    ("levels", "complaint"),
    [
        ("every", "levels is 'every'; it takes all"),
        ({}, "levels is {}; it takes 1 or more entries"),
        (None, "levels is empty; it takes all, or level names"),
    ],
)
def test_levels_are_names_or_all(levels: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        EncoderConfig.parse({"model": "m", "levels": levels}, "params.yaml: sec")
