"""Fit one network: epochs, scores and checkpoints, until no rule can change its choice."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfsn.base.progress import Progress
from mfsn.models.base import Network
from mfsn.runs import checkpoint
from mfsn.runs.work import in_worker
from mfsn.store.messages import unreachable
from mfsn.training.config import OptimisationConfig, Rule, SearchConfig, SelectionConfig
from mfsn.training.data.fold_data import Part
from mfsn.training.data.rows import Rows
from mfsn.training.loop import Solver, evaluate, require_finite
from mfsn.training.scoring import merit
from mfsn.training.selection import Choice, at_a_known_level, choose, finished
from mfsn.training.summary import describe_score

log = logging.getLogger(__name__)

SCALING_ROWS = 256
"""Segments looked at together when inputs are scaled."""


@dataclass(frozen=True)
class Task:
    """All that decides how one network is fitted."""

    who: str
    """Fold and seed, for messages."""
    seed: int
    """It seeds the network's weights, dropout, batches and levels."""
    make_network: Callable[[], Network]
    """Makes the network from torch's global generator, which `fit` seeds."""
    levels: Sequence[str] | None
    """Levels to draw from and to choose from; None for all that the network can choose."""
    train: Part
    """Trains the weights and, if `alpha` is None, alpha."""
    alpha: Part | None
    """Trains alpha (bilevel)."""
    scaling: Part
    """All training data; the scaling of inputs and labels is computed from them."""
    dev: Part | None
    test: Part | None
    """None unless oracle_test is asked for, so that test data are not even read."""
    optimisation: OptimisationConfig
    search: SearchConfig
    selection: SelectionConfig


@dataclass(frozen=True)
class Fitted:
    """A finished training. The weights of the chosen epochs are in its folder."""

    history: list[dict[str, Any]]
    """One entry per epoch: epoch, train_loss, levels_drawn, dev, test, alpha_weights, entropy."""
    choices: dict[Rule, Choice]


def fit(task: Task, rows: Rows, device: str, folder: Path) -> Fitted:
    """Train a network from scratch, or continue where a killed run stopped; the result is the same.

    Args:
        task: what to fit.
        rows: the cached rows, on `device`.
        device: as torch names it.
        folder: for checkpoints; `mfsn.runs.checkpoint.epoch_weights` names the weights in it.

    Raises:
        TrainingError: if a loss or score is not finite.
        ConfigError: if last_epoch is to be evaluated at a level that does not exist.
        StorageFullError: if the disk is full.
        CacheError: if the folder disappears, and the store with it.
    """
    training = _Training(task, rows, device, folder)
    with Progress(
        total=task.optimisation.epochs, initial=len(training.history), desc=task.who,
        unit="epoch", in_terminal=not in_worker(), leave=False,
    ) as bar:  # fmt: skip
        while not training.finished:
            training.epoch()
            training.save()
            bar.set_postfix_str(training.latest, refresh=False)
            bar.update()
    return Fitted(training.history, training.choices)


class _Training:
    """A network, its solver and its history, between two epochs."""

    def __init__(self, task: Task, rows: Rows, device: str, folder: Path) -> None:
        """Begin from scratch, or continue from the checkpoint in `folder`."""
        self._task, self._rows, self._device, self._folder = task, rows, device, folder
        torch.manual_seed(task.seed)
        self._network = task.make_network().to(device)
        self._levels = tuple(task.levels or self._network.choice_levels)
        self._selection = at_a_known_level(task.selection, self._levels)
        parts = torch.split(task.scaling.rows_N, SCALING_ROWS)
        self._network.fit_scaling(rows.batches((part_N, self._network.scaled) for part_N in parts))
        self._network.readout.fit(task.scaling.labels_U)
        self._solver = Solver(
            self._network, rows, self._levels,
            optimisation=task.optimisation, search=task.search, seed=task.seed,
        )  # fmt: skip
        self.history: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    @property
    def finished(self) -> bool:
        """Whether the rules of selection need no further epoch."""
        return finished(self.history, self._selection, self._task.optimisation)

    @property
    def choices(self) -> dict[Rule, Choice]:
        """The epoch that each rule has chosen so far."""
        return choose(self.history, self._selection, self._task.optimisation)

    @property
    def latest(self) -> str:
        """The best development score of the last epoch, for people; empty without such data."""
        scores = self.history[-1].get("dev", {}).values()
        return describe_score(max(scores, key=merit)) if scores else ""

    def epoch(self) -> None:
        """Train for one epoch and score the network."""
        where = f"{self._task.who}, epoch {len(self.history) + 1}"
        result = self._solver.epoch(self._task.train, self._task.alpha)
        require_finite(torch.tensor(result.train_loss), f"{where}, train")
        entry: dict[str, Any] = {
            "epoch": len(self.history) + 1,
            "train_loss": result.train_loss,
            "levels_drawn": result.levels_drawn,
            "alpha_weights": self._network.operation_weights(),
            "entropy": self._network.operation_entropies(),
        }
        for split, part in (("dev", self._task.dev), ("test", self._task.test)):
            if part is not None:
                entry[split] = evaluate(
                    self._network, self._rows, part, self._levels, f"{where}, {split}"
                )
        self.history.append(entry)

    def save(self) -> None:
        """Write a checkpoint, and the weights if a rule chose this epoch.

        Raises:
            CacheError: if the folder is no longer there. Then a network share with the store has
                been lost, and nothing may be written to the empty folder in its place.
            StorageFullError: if the disk is full.
        """
        if not self._folder.is_dir():
            raise unreachable(self._folder, os.strerror(errno.ENOENT))
        chosen = {choice.epoch for choice in self.choices.values()}
        if len(self.history) in chosen:
            path = checkpoint.epoch_weights(self._folder, len(self.history))
            checkpoint.save_weights(path, self._network)
        state = {
            "network": self._network.state_dict(),
            "solver": self._solver.state(),
            "history": self.history,
        }
        checkpoint.save_state(self._folder, state, self._device, keep=chosen)

    def _resume(self) -> None:
        state = checkpoint.load_state(self._folder, self._device)
        if state is not None:
            self._network.load_state_dict(state["network"])
            self._solver.load_state(state["solver"])
            self.history = state["history"]
            log.info("%s: going on after epoch %d", self._task.who, len(self.history))
