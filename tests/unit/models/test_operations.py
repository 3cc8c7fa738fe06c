"""The names and options of the eight operations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mfsn.errors import ConfigError
from mfsn.models.operations import (
    OPERATIONS,
    GatedLinearUnit,
    GatedSupplement,
    Reversed,
    make_operation,
)

ALL = torch.ones(2, 5, dtype=torch.bool)


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x, y = (torch.randn(2, 5, 4, generator=generator) for _ in range(2))
    return x, y


def test_eight_operations_five_formulas() -> None:
    assert len(OPERATIONS) == len(set(OPERATIONS)) == 8
    assert {name.removesuffix("_r") for name in OPERATIONS} == {
        "zero",
        "sum",
        "attention",
        "concat_fc",
        "ism",
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_keeps_the_shape(name: str, inputs: tuple[Tensor, Tensor]) -> None:
    assert make_operation(name, 4)(*inputs, ALL).shape == (2, 5, 4)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"conv is not an operation; known are zero, sum"):
        make_operation("conv", 4)


def test_zero_has_no_reversed_version() -> None:
    with pytest.raises(ConfigError, match="zero_r is not an operation"):
        make_operation("zero_r", 4)


def test_zero_drops_tec(inputs: tuple[Tensor, Tensor]) -> None:
    assert not make_operation("zero", 4)(*inputs, ALL).any()


@pytest.mark.parametrize(("ism", "kind"), [("gated", GatedSupplement), ("glu", GatedLinearUnit)])
def test_the_supplement_module_is_pluggable(ism: str, kind: type) -> None:
    assert isinstance(make_operation("ism", 4, ism=ism), kind)  # type: ignore[arg-type]
    reverse = make_operation("ism_r", 4, ism=ism)  # type: ignore[arg-type]
    assert isinstance(reverse, Reversed)
    assert isinstance(reverse.operation, kind)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "zero"])
def test_a_norm_centres_and_scales_each_frame(name: str, inputs: tuple[Tensor, Tensor]) -> None:
    output = make_operation(name, 4, norm=True)(*inputs, ALL)
    torch.testing.assert_close(output.mean(dim=-1), torch.zeros(2, 5), atol=1e-5, rtol=0)


def test_zero_has_no_norm(inputs: tuple[Tensor, Tensor]) -> None:
    operation = make_operation("zero", 4, norm=True)
    assert not list(operation.parameters())
    assert not operation(*inputs, ALL).any()


def test_attention_reads_no_frame_of_padding(inputs: tuple[Tensor, Tensor]) -> None:
    x, y = inputs
    valid = torch.tensor([[True] * 3 + [False] * 2] * 2)
    other = y.clone()
    other[:, 3:] += 100
    attention = make_operation("attention", 4)
    torch.testing.assert_close(attention(x, y, valid), attention(x, other, valid))
    assert not torch.allclose(attention(x, y, ALL), attention(x, other, ALL))


def test_attention_over_one_frame_is_that_frame(inputs: tuple[Tensor, Tensor]) -> None:
    x, y = inputs
    only_first = torch.tensor([[True] + [False] * 4] * 2)
    output = make_operation("attention", 4)(x, y, only_first)
    torch.testing.assert_close(output, y[:, :1].expand(2, 5, 4))
