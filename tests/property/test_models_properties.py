"""Promises of the cells and operations, over many inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mfsn.models.alexnet import average_pool
from mfsn.models.cells import FusionCell
from mfsn.models.inputs import positions_within, valid_positions
from mfsn.models.operations import OPERATIONS, Reversed, make_operation
from mfsn.models.spectrogram import SpectrogramScaling

few = settings(deadline=None, max_examples=25)
seeds = st.integers(0, 2**31)
alphas = st.lists(
    st.floats(-50, 50, allow_nan=False, width=32),
    min_size=len(OPERATIONS),
    max_size=len(OPERATIONS),
)


def pair(seed: int, frames: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(2, frames, width, generator=generator) for _ in range(2))
    return x, y


@few
@given(alpha=alphas)
def test_mixture_weights_sum_to_one(alpha: list[float]) -> None:
    cell = FusionCell(1)
    cell.freeze(alpha)
    assert sum(cell.weights()) == pytest.approx(1, abs=1e-6)
    assert min(cell.weights()) >= 0
    assert -1e-6 <= cell.entropy() <= math.log(8) + 1e-6


@few
@given(alpha=alphas, shift=st.floats(-20, 20, width=32))
def test_a_constant_added_to_alpha_changes_nothing(alpha: list[float], shift: float) -> None:
    cell, shifted = FusionCell(1), FusionCell(1)
    cell.freeze(alpha)
    shifted.freeze([value + shift for value in alpha])
    assert shifted.weights() == pytest.approx(cell.weights(), abs=1e-4)


@few
@given(
    family=st.sampled_from(["attention", "concat_fc", "ism"]),
    ism=st.sampled_from(["gated", "glu"]),
    norm=st.booleans(),
    seed=seeds,
    frames=st.integers(1, 6),
    valid=st.floats(0.01, 1),
)
def test_reversed_operations_swap_their_arguments(
    family: str, ism: str, norm: bool, seed: int, frames: int, valid: float
) -> None:
    torch.manual_seed(seed)
    plain = make_operation(family, 4, ism=ism, norm=norm)  # type: ignore[arg-type]
    reverse = make_operation(f"{family}_r", 4, ism=ism, norm=norm)  # type: ignore[arg-type]
    weights = plain.state_dict()
    for name in reverse.state_dict():
        reverse.state_dict()[name].copy_(weights[_name_in_plain(name, norm=norm)])
    x, y = pair(seed, frames, 4)
    marked = valid_positions(torch.full((2,), math.ceil(valid * frames)), frames)
    assert torch.equal(reverse(x, y, marked), plain(y, x, marked))


def _name_in_plain(name: str, *, norm: bool) -> str:
    """A reversed operation keeps the plain one's weights one `operation.` deeper."""
    if norm and name.startswith("norm."):
        return name
    return name.removeprefix("operation.")


@few
@given(family=st.sampled_from(["concat_fc", "ism"]), seed=seeds)
def test_reversed_operations_have_weights_of_their_own(family: str, seed: int) -> None:
    torch.manual_seed(seed)
    cell = FusionCell(4)
    plain, reverse = cell.operations[family], cell.operations[f"{family}_r"]
    assert isinstance(reverse, Reversed)
    for mine, other in zip(plain.parameters(), reverse.parameters(), strict=True):
        assert not torch.equal(mine, other)


@few
@given(seed=seeds, frames=st.integers(1, 8), shift=st.integers(0, 7))
def test_attention_does_not_care_about_the_order_of_keys(
    seed: int, frames: int, shift: int
) -> None:
    x, y = pair(seed, frames, 3)
    everything = torch.ones(2, frames, dtype=torch.bool)
    attention = make_operation("attention", 3)
    rolled = attention(x, y.roll(shift, dims=1), everything)
    torch.testing.assert_close(rolled, attention(x, y, everything))


@few
@given(seed=seeds, frames=st.integers(1, 8), valid=st.floats(0.01, 1))
def test_attention_stays_within_the_valid_frames(seed: int, frames: int, valid: float) -> None:
    x, y = pair(seed, frames, 3)
    marked = valid_positions(torch.full((2,), math.ceil(valid * frames)), frames)
    output = make_operation("attention", 3)(x, y, marked)
    seen = y[:, : int(marked[0].sum())]
    assert (output <= seen.amax(dim=1, keepdim=True) + 1e-5).all()
    assert (output >= seen.amin(dim=1, keepdim=True) - 1e-5).all()


@pytest.mark.parametrize("frames", [149, 300, 7])
def test_frames_count_that_begin_before_the_audio_ends(frames: int) -> None:
    samples = np.arange(1, 48_001)
    begins = np.arange(frames) * 48_000 / frames
    expected = np.searchsorted(begins, samples, side="left")
    assert positions_within(samples, 48_000, frames).tolist() == expected.tolist()


@few
@given(seed=seeds, height=st.integers(1, 15), width=st.integers(1, 23), size=st.integers(1, 7))
def test_pooling_keeps_the_range(seed: int, height: int, width: int, size: int) -> None:
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    pooled = average_pool(x, size)
    assert pooled.shape == (2, 3, size, size)
    assert pooled.min() >= x.min() - 1e-6
    assert pooled.max() <= x.max() + 1e-6
    torch.testing.assert_close(average_pool(torch.ones_like(x), size), torch.ones_like(pooled))


@few
@given(seed=seeds, reference=st.sampled_from(["absolute", "utterance"]), rows=st.integers(1, 6))
def test_scaled_levels_lie_in_the_unit_interval(seed: int, reference: str, rows: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    level = -50 + 30 * torch.randn(rows, 9, 4, generator=generator)
    loudest = 10 * torch.randn(rows, generator=generator)
    scaling = SpectrogramScaling(4, reference)  # type: ignore[arg-type]
    counted = torch.randint(1, 10, (rows, 1), generator=generator)
    scaling.fit([(level, loudest, torch.arange(9) < counted)])
    scaled = scaling(100 * level, loudest)
    assert ((scaled >= 0) & (scaled <= 1)).all()
