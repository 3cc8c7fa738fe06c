"""Choice Cell and Fusion Cell: which SEC level adjusts TEC, and how (MFSN, section "method").

Shapes: B batch, T frames, D width, O operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mfsn.errors import ConfigError
from mfsn.models.config import ModelConfig
from mfsn.models.inputs import keep_valid
from mfsn.models.operations import OPERATIONS, Ism, make_operation


def choose(levels: Sequence[str], generator: torch.Generator) -> str:
    """Draw the SEC level of a mini-batch; all are equally likely.

    Args:
        levels: at least one name.
        generator: on the CPU. A training that goes on later has to restore only its state.
    """
    return levels[int(torch.randint(len(levels), (), generator=generator))]


class ChoiceCell(nn.Module):
    """Hands one SEC level to the Fusion Cells, and stops the gradient there.

    `choose` draws the level, and all rows of a mini-batch share it. S_N also goes to co-attention,
    and there the gradient passes, so that only S_N learns from the target.
    """

    def forward(self, sec: Mapping[str, Tensor], level: str) -> Tensor:
        """The chosen level, [B, T, D], detached."""
        return sec[level].detach()


class FusionCell(nn.Module):
    """A mixed op: T' = sum over k of softmax(alpha)_k * op_k(T, S).

    One alpha serves all levels (assumed, facts 2.3). It starts as `alpha_init_std` * randn, as in
    DARTS and BM-NAS. It is a Parameter until the architecture is fixed, and a buffer from then on.
    """

    alpha_O: Tensor

    def __init__(
        self,
        width: int,
        *,
        ism: Ism = "gated",
        operation_norm: bool = False,
        residual: bool = False,
        alpha_init_std: float = 1e-3,
    ) -> None:
        """Make a cell whose operations all compete.

        Args:
            width: D of TEC and SEC.
            ism: formula of the information supplement module.
            operation_norm: whether a LayerNorm follows each operation except Zero.
            residual: T' = LayerNorm(T + mixture), as in BM-NAS's cells; else T' is the mixture.
            alpha_init_std: standard deviation of alpha at the start.
        """
        super().__init__()
        self.alpha_O = nn.Parameter(alpha_init_std * torch.randn(len(OPERATIONS)))
        self.operations = nn.ModuleDict(
            {name: make_operation(name, width, ism=ism, norm=operation_norm) for name in OPERATIONS}
        )
        self.norm = nn.LayerNorm(width) if residual else None

    def forward(self, tec_BTD: Tensor, sec_BTD: Tensor, valid_BT: Tensor) -> Tensor:
        """The fused TEC, [B, T, D].

        Args:
            tec_BTD: T.
            sec_BTD: the detached SEC level, at the width of T.
            valid_BT: bool, frames of real audio.
        """
        mixed_BTD = torch.zeros_like(tec_BTD)
        weights_O = self.alpha_O.softmax(dim=0)
        for weight, operation in zip(weights_O, self.operations.values(), strict=True):
            mixed_BTD = mixed_BTD + weight * operation(tec_BTD, sec_BTD, valid_BT)
        return mixed_BTD if self.norm is None else self.norm(tec_BTD + mixed_BTD)

    def weights(self) -> list[float]:
        """softmax(alpha) in the order of `OPERATIONS`; 0 for operations that were dropped."""
        kept = dict(zip(self.operations, self.alpha_O.softmax(dim=0).tolist(), strict=True))
        return [kept.get(name, 0.0) for name in OPERATIONS]

    def entropy(self) -> float:
        """Entropy of softmax(alpha) in nats: about ln 8 at the start, 0 for a single operation."""
        return float(torch.special.entr(self.alpha_O.detach().softmax(dim=0)).sum())

    def freeze(self, alpha: Sequence[float]) -> None:
        """Fix the mixture: alpha gets these values and is no longer trained.

        Raises:
            ConfigError: if `alpha` has another number of values than there are operations.
        """
        if len(alpha) != len(self.operations):
            raise ConfigError(
                f"alpha has {len(alpha)} values for {len(self.operations)} operations; run "
                "`dvc repro` to search again"
            )
        self._fix(alpha)

    def derive(self, name: str) -> None:
        """Fix the cell to one operation; the others are dropped with their weights.

        Raises:
            ConfigError: if the cell has no operation of that name.
        """
        if name not in self.operations:
            raise ConfigError(f"{name} is not an operation; known are {', '.join(self.operations)}")
        self.operations = nn.ModuleDict({name: self.operations[name]})
        self._fix([0.0])

    def _fix(self, alpha: Sequence[float]) -> None:
        fixed_O = self.alpha_O.new_tensor(alpha)
        del self.alpha_O
        self.register_buffer("alpha_O", fixed_O)


class Fusion(nn.Module):
    """A Choice Cell and a chain of Fusion Cells; each hands the fused TEC to the next.

    The cells work at the width of TEC. If SEC has another width, a linear layer brings the drawn
    level to that of TEC. With `model.align` SEC and TEC first pass through a linear layer and a
    LayerNorm each, because the features of two frozen encoders do not share a space in which dot
    products mean something (assumed off). Only the cells see the result of these layers:
    co-attention reads S_N as the encoder gave it.
    """

    def __init__(
        self, config: ModelConfig, tec_width: int, sec_width: int, alpha_init_std: float
    ) -> None:
        super().__init__()
        self.choice = ChoiceCell()
        self.tec_alignment = _alignment(tec_width, tec_width, norm=config.align)
        self.sec_alignment = _alignment(sec_width, tec_width, norm=config.align)
        self.cells = nn.ModuleList(
            FusionCell(
                tec_width,
                ism=config.ism,
                operation_norm=config.operation_norm,
                residual=config.cell_residual,
                alpha_init_std=alpha_init_std,
            )
            for _ in range(config.cells)
        )

    def forward(
        self, tec_BTD: Tensor, sec: Mapping[str, Tensor], level: str, valid_BT: Tensor
    ) -> Tensor:
        """The fused TEC, [B, T, D of TEC]; frames of padding are zero.

        Args:
            tec_BTD: T.
            sec: level name to [B, T, D of SEC].
            level: the level that adjusts TEC.
            valid_BT: bool, the frames of real audio in SEC and TEC.
        """
        sec_BTD = self.sec_alignment(keep_valid(self.choice(sec, level), valid_BT))
        fused_BTD: Tensor = self.tec_alignment(tec_BTD)
        for cell in self.cells:
            fused_BTD = cell(fused_BTD, sec_BTD, valid_BT)
        return keep_valid(fused_BTD, valid_BT)


def _alignment(width: int, target: int, *, norm: bool) -> nn.Module:
    if norm:
        return nn.Sequential(nn.Linear(width, target), nn.LayerNorm(target))
    return nn.Identity() if width == target else nn.Linear(width, target)
