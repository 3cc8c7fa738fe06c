"""The training loop's steps: what one epoch does to a network, and how a network is scored.

The loss is computed per segment: cross entropy (CA-MSER train_ser.py), or the squared error of
dimensions; see `mfsn.models.readout`. AdamW trains the weights, and SGD without momentum trains
alpha. joint: each step updates both on the same batch. bilevel (first order): before every step of
the weights comes a step of alpha, on a batch of other data. One level is drawn for each mini-batch.

Shapes: B batch, N segments, C classes (or dimensions).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from mfsn.errors import TrainingError
from mfsn.models.base import Network
from mfsn.models.cells import choose
from mfsn.models.inputs import Features
from mfsn.models.readout import Values
from mfsn.training.config import OptimisationConfig, SearchConfig
from mfsn.training.data.fold_data import Part
from mfsn.training.data.rows import Rows
from mfsn.training.scoring import score_classes, score_dimensions

EVALUATION_ROWS = 128
"""Segments scored at once."""


@dataclass(frozen=True)
class EpochResult:
    """The results of an epoch, beside the changed network."""

    train_loss: float
    """Mean over the segments of its batches; each loss is computed before the step of its batch."""
    levels_drawn: dict[str, int]
    """How many mini-batches each level was drawn for."""


@dataclass(frozen=True)
class _Step:
    """One step of the solver."""

    part: Part
    batch: Tensor
    """Indices into the part's segments."""
    level: str
    """The level that was drawn."""
    optimisers: list[torch.optim.Optimizer]


class Solver:
    """Takes the steps. It has the optimisers, and draws batches and levels.

    Args:
        network: what is trained, on the device of the rows.
        rows: the cached rows.
        levels: some of the network's `choice_levels`, to draw from.
        optimisation: the loop's parameters.
        search: the step size of alpha.
        seed: of batches and levels.
    """

    def __init__(
        self,
        network: Network,
        rows: Rows,
        levels: Sequence[str],
        *,
        optimisation: OptimisationConfig,
        search: SearchConfig,
        seed: int,
    ) -> None:
        self._network = network
        self._rows = rows
        self._levels = tuple(levels)
        self._optimisation = optimisation
        self._rounds = optimisation.precision == "bfloat16"
        self._generator = torch.Generator().manual_seed(seed)
        weights, alphas = network.weight_parameters(), network.architecture_parameters()
        self._weights: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                weights, lr=optimisation.lr, weight_decay=optimisation.weight_decay, fused=True
            )
        ]
        self._alpha: list[torch.optim.Optimizer] = (
            [torch.optim.SGD(alphas, lr=search.alpha_lr)] if alphas else []
        )

    def epoch(self, part: Part, alpha_part: Part | None = None) -> EpochResult:
        """Go through the training data once, or through as many of its batches as are allowed.

        Args:
            part: trains the weights and, if `alpha_part` is None, alpha.
            alpha_part: trains alpha (bilevel). It starts again as often as needed.
        """
        self._network.train()
        total, segments = torch.zeros((), device=part.rows_N.device), 0
        steps = list(self._plan(part, alpha_part))
        wanted = [(step.part.rows_N[step.batch], self._network.reads(step.level)) for step in steps]
        for step, features in zip(steps, self._rows.batches(wanted), strict=True):
            loss = self._update(step, features)
            if step.part is part:
                total += loss * len(step.batch)
                segments += len(step.batch)
        drawn = Counter(step.level for step in steps)
        return EpochResult(float(total) / segments, dict(sorted(drawn.items())))

    def state(self) -> dict[str, Any]:
        """What the next epoch depends on, beside the network; it goes into a checkpoint."""
        weights = [optimiser.state_dict() for optimiser in self._weights]
        return {"weights": weights, "generator": self._generator.get_state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from the result of `state`."""
        for optimiser, saved in zip(self._weights, state["weights"], strict=True):
            optimiser.load_state_dict(saved)
        self._generator.set_state(state["generator"])

    def _plan(self, part: Part, alpha_part: Part | None) -> Iterator[_Step]:
        """Draw all batches and levels of an epoch first, so that rows can be read ahead."""
        alpha_batches = None if alpha_part is None else self._endless_batches(alpha_part)
        for batch in islice(self._batches(part), self._optimisation.batches):
            if alpha_part is not None and alpha_batches is not None:
                yield self._draw(alpha_part, next(alpha_batches), self._alpha)
            optimisers = self._weights if alpha_batches else self._weights + self._alpha
            yield self._draw(part, batch, optimisers)

    def _draw(self, part: Part, batch: Tensor, optimisers: list[torch.optim.Optimizer]) -> _Step:
        return _Step(part, batch, choose(self._levels, self._generator), optimisers)

    def _update(self, step: _Step, features: Features) -> Tensor:
        device = torch.device(self._rows.device).type
        with torch.autocast(device, torch.bfloat16, self._rounds):
            logits_BC: Tensor = self._network(features, step.level).float()
        labels_B = step.part.segment_labels[step.batch]
        weights_C = self._class_weights(step.part, logits_BC)
        loss = self._network.readout.loss(logits_BC, labels_B, weights_C)
        self._network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        if self._optimisation.clip_norm is not None:
            weights = self._network.weight_parameters()
            torch.nn.utils.clip_grad_norm_(weights, self._optimisation.clip_norm)
        for optimiser in step.optimisers:
            optimiser.step()
        return loss.detach()

    def _class_weights(self, part: Part, logits_BC: Tensor) -> Tensor | None:
        """N / (C n_c), over the segments of the part; soft labels add to n_c by their shares."""
        if not self._optimisation.class_weights:
            return None
        classes, labels_N = logits_BC.shape[1], part.segment_labels
        if labels_N.is_floating_point():
            counts_C = labels_N.sum(dim=0)
        else:
            counts_C = torch.bincount(labels_N, minlength=classes)
        return len(labels_N) / (classes * counts_C.clamp(min=1).to(logits_BC))

    def _batches(self, part: Part) -> Iterator[Tensor]:
        order = torch.randperm(len(part.rows_N), generator=self._generator)
        return iter(torch.split(order.to(part.rows_N.device), self._optimisation.batch_size))

    def _endless_batches(self, part: Part) -> Iterator[Tensor]:
        while True:
            yield from self._batches(part)


@torch.no_grad()
def outputs_per_level(network: Network, rows: Rows, rows_N: Tensor) -> dict[str, Tensor]:
    """Each level's outputs for segments, before the readout: float64 [N, C] on the CPU.

    Args:
        network: on the device of the rows; it is in evaluation mode afterwards.
        rows: the cached rows.
        rows_N: indices of the segments.
    """
    network.eval()
    requests = [(batch, network.reads()) for batch in torch.split(rows_N, EVALUATION_ROWS)]
    batches = [network.logits_per_level(features) for features in rows.batches(requests)]
    return {
        level: torch.cat([logits[level] for logits in batches]).cpu().double()
        for level in network.choice_levels
    }


def read_out(network: Network, rows: Rows, rows_N: Tensor) -> dict[str, Tensor]:
    """What each level predicts for segments: log-posteriors, or values in the unit of the labels.

    The result is float64 [N, C] on the CPU. Arguments are those of `outputs_per_level`.
    """
    found = outputs_per_level(network, rows, rows_N)
    return {level: network.readout(outputs_NC) for level, outputs_NC in found.items()}


def evaluate(
    network: Network, rows: Rows, part: Part, levels: Sequence[str], where: str
) -> dict[str, dict[str, float]]:
    """Score utterances at each level: "loss" (of segments), and what `mfsn.training.scoring` gives.

    Args:
        network: on the device of the rows; it is in evaluation mode afterwards.
        rows: the cached rows.
        part: utterances to score.
        levels: some of the network's `choice_levels`.
        where: fold, seed, epoch and split, for the message.

    Raises:
        TrainingError: if an output is not finite.
    """
    found = outputs_per_level(network, rows, part.rows_N)
    return {
        level: _score(network, found[level], part, f"{where}, level {level}") for level in levels
    }


def _score(network: Network, outputs_NC: Tensor, part: Part, where: str) -> dict[str, float]:
    require_finite(outputs_NC, where)
    labels_U, utterance_N = part.labels_U.cpu(), part.utterance_N.cpu()
    score = score_dimensions if isinstance(network.readout, Values) else score_classes
    loss = network.readout.loss(outputs_NC, labels_U[utterance_N])
    read = network.readout(outputs_NC).detach().numpy()
    return {"loss": float(loss), **score(read, labels_U.numpy(), utterance_N.numpy())}


def require_finite(values: Tensor, where: str) -> None:
    """Refuse values that are not numbers.

    Raises:
        TrainingError: if one is NaN or infinite.
    """
    if not values.isfinite().all():
        raise TrainingError(
            f"{where}: a loss or score is not a finite number; lower optimisation.lr or "
            "search.alpha_lr, set optimisation.clip_norm, or check the features with "
            "`mfsn cache verify`"
        )
