"""What training needs from a network; the inputs do not matter to it.

A network derives from `Network`, says which inputs it reads, and computes logits. The rest has
defaults for a network in which nothing is searched, nothing is chosen and nothing is scaled.

Shapes: B batch, C classes (or dimensions).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn

from mfsn.models.inputs import Features, Source
from mfsn.models.readout import Readout

ONLY_LEVEL = "only"
"""Name of the level of a network that has only one."""


class Network(nn.Module, ABC):
    """A network that `mfsn.training.fit` can train."""

    choice_levels: tuple[str, ...] = (ONLY_LEVEL,)
    """Levels of an input that training draws from, one for each mini-batch. The network is
    evaluated at each of them. One level means that there is nothing to choose."""
    scaled: tuple[Source, ...] = ()
    """The inputs whose training rows `fit_scaling` needs."""
    readout: Readout
    """What the outputs mean. Here they are called logits, even if they are values of dimensions."""

    @abstractmethod
    def reads(self, level: str | None = None) -> tuple[Source, ...]:
        """The inputs that a batch must have.

        Args:
            level: for `forward` at this level; None for `logits_per_level`.
        """

    @abstractmethod
    def forward(self, features: Features, level: str | None = None) -> Tensor:
        """Logits, [B, C].

        Args:
            features: a batch with what the network reads.
            level: one of `choice_levels`; None is the last.
        """

    def logits_per_level(self, features: Features) -> dict[str, Tensor]:
        """Each of `choice_levels` to its logits, [B, C]."""
        return {level: self(features, level) for level in self.choice_levels}

    def fit_scaling(self, batches: Iterable[Features]) -> None:
        """Compute the scaling of the inputs from the training rows, before the first epoch.

        Args:
            batches: all training rows, with the inputs that `scaled` names. Rows are read when
                they are asked for.
        """

    def architecture_parameters(self) -> list[nn.Parameter]:
        """The parameters of the architecture that are still searched."""
        return []

    def weight_parameters(self) -> list[nn.Parameter]:
        """All other parameters."""
        searched = {id(parameter) for parameter in self.architecture_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in searched]

    def operation_weights(self) -> list[list[float]]:
        """The weight of each operation, one list per searched cell."""
        return []

    def operation_entropies(self) -> list[float]:
        """The entropy of these weights in nats, one number per searched cell."""
        return []
