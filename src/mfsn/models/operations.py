"""The eight operations of a Fusion Cell: five formulas, three of them with a reversed version.

Each takes x (TEC) and y (one SEC level), and gives a new TEC. The paper names the operations, but
its five equations are not available. The formulas are those of BM-NAS, the gradient-based search
that it builds on; each class says how sure its formula is.

Shapes: B batch, T frames, D width.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from mfsn.errors import ConfigError
from mfsn.models.config import Operation

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
"""Names in the order of alpha."""

Ism = Literal["gated", "glu"]


class Zero(nn.Module):
    """Nothing: drops TEC (high confidence)."""

    def forward(self, x_BTD: Tensor, _y_BTD: Tensor, _valid_BT: Tensor) -> Tensor:
        """Zeros of the shape of x."""
        return torch.zeros_like(x_BTD)


class Sum(nn.Module):
    """x + y (high confidence)."""

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, _valid_BT: Tensor) -> Tensor:
        """The sum, frame by frame."""
        return x_BTD + y_BTD


class Attention(nn.Module):
    """softmax(x y^T / sqrt(D)) y: one head, no projections (medium to high confidence)."""

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """For each frame of x, the mean of y's valid frames weighted by their likeness to it."""
        # Written out: the fused kernels are not deterministic on a GPU when given a mask.
        scores_BTT = x_BTD @ y_BTD.transpose(1, 2) / math.sqrt(x_BTD.shape[-1])
        scores_BTT = scores_BTT.masked_fill(~valid_BT[:, None, :], -math.inf)
        return scores_BTT.softmax(dim=-1) @ y_BTD


class ConcatFC(nn.Module):
    """ReLU([x; y] W + b), per frame (medium to high confidence)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width, width)

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, _valid_BT: Tensor) -> Tensor:
        """A fully connected layer over both."""
        return torch.relu(self.linear(torch.cat([x_BTD, y_BTD], dim=-1)))


class GatedSupplement(nn.Module):
    """x + sigmoid([x; y] W_g + b_g) * (y W_v + b_v): the information supplement module, assumed.

    It keeps x and adds the part of y that a gate lets through (facts 2.2, variant A).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, _valid_BT: Tensor) -> Tensor:
        """x, supplemented by y."""
        gate_BTD = torch.sigmoid(self.gate(torch.cat([x_BTD, y_BTD], dim=-1)))
        value_BTD: Tensor = self.value(y_BTD)
        return x_BTD + gate_BTD * value_BTD


class GatedLinearUnit(nn.Module):
    """(x W_1) * sigmoid(y W_2): BM-NAS's LinearGLU as information supplement module, assumed.

    (Facts 2.2, variant B.)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, width, bias=False)

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, _valid_BT: Tensor) -> Tensor:
        """x, gated by y."""
        value_BTD: Tensor = self.value(x_BTD)
        return value_BTD * torch.sigmoid(self.gate(y_BTD))


class Reversed(nn.Module):
    """An operation with its two inputs swapped and weights of its own."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """op(y, x)."""
        output_BTD: Tensor = self.operation(y_BTD, x_BTD, valid_BT)
        return output_BTD


class Normed(nn.Module):
    """An operation followed by a LayerNorm (assumed off: `model.operation_norm`)."""

    def __init__(self, operation: nn.Module, width: int) -> None:
        super().__init__()
        self.operation = operation
        self.norm = nn.LayerNorm(width)

    def forward(self, x_BTD: Tensor, y_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """LayerNorm(op(x, y))."""
        output_BTD: Tensor = self.norm(self.operation(x_BTD, y_BTD, valid_BT))
        return output_BTD


def make_operation(name: str, width: int, *, ism: Ism = "gated", norm: bool = False) -> nn.Module:
    """Make one operation with fresh weights.

    Args:
        name: one of `OPERATIONS`.
        width: D of both inputs and of the output.
        ism: formula of the information supplement module.
        norm: whether a LayerNorm follows (never after `zero`).

    Returns:
        A module `(x_BTD, y_BTD, valid_BT) -> [B, T, D]`; `valid_BT` marks the frames of x and y
        that hold real audio, and only attention reads it.

    Raises:
        ConfigError: if there is no operation of that name.
    """
    if name not in OPERATIONS:
        raise ConfigError(f"{name} is not an operation; known are {', '.join(OPERATIONS)}")
    family = name.removesuffix("_r")
    operation = _make_family(family, width, ism)
    if name != family:
        operation = Reversed(operation)
    return Normed(operation, width) if norm and family != "zero" else operation


def _make_family(family: str, width: int, ism: Ism) -> nn.Module:
    if family == "ism":
        return GatedSupplement(width) if ism == "gated" else GatedLinearUnit(width)
    if family == "concat_fc":
        return ConcatFC(width)
    return {"zero": Zero, "sum": Sum, "attention": Attention}[family]()
