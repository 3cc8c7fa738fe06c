"""Fit networks: each unit trains one, predicts the test data with it, and writes its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from mfsn import runtime
from mfsn.base.arrays import Float64
from mfsn.models.base import Network
from mfsn.runs.checkpoint import load_weights
from mfsn.runs.unit import Unit
from mfsn.runs.work import Device, Do
from mfsn.training.config import Rule
from mfsn.training.data.corruption import corrupted_rows
from mfsn.training.data.fold_data import Part, TrainingData
from mfsn.training.data.loading import load_data
from mfsn.training.data.rows import Rows, saying_share
from mfsn.training.experiment import Experiment
from mfsn.training.fold_training import Fix, Trained, make_network, tidy, train_on_fold
from mfsn.training.loop import read_out
from mfsn.training.results import Result, write_result
from mfsn.training.summary import describe_network
from mfsn.training.system import Fits


@dataclass(frozen=True)
class Made:
    """A trained network, and what its record says about it."""

    trained: Trained
    fix: Fix | None = None
    """Gives a fresh network the architecture of the trained one."""
    kind: str = "trained"
    operations: list[str] = field(default_factory=list)
    """The operation of each Fusion Cell, or the strongest one of its mixture."""
    mixtures: list[list[float]] = field(default_factory=list)
    """The weights of each Fusion Cell that is a mixture; empty if it has one operation."""


@dataclass(frozen=True)
class NetworkFits(Fits):
    """Networks trained on the cached rows of their fold."""

    streams: ClassVar[bool] = True
    device: ClassVar[Device] = "auto"

    @staticmethod
    def about(experiment: Experiment) -> dict[str, Any]:  # noqa: ARG004 (of every network alike)
        """What is fitted."""
        return {"fitted": "a network"}

    def open(self) -> Do:
        """Read the rows of the corpus, or open the store."""
        data = load_data(self.experiment, runtime.device(), self.streaming)
        return saying_share(lambda unit: self.fit(unit, data.of_fold(unit.fold.name)), data.rows)

    def fit(self, unit: Unit, data: TrainingData) -> str:
        """Train a unit's network, predict its test data, and write its folder.

        Returns:
            A line for the terminal.

        Raises:
            TrainingError: if a loss or score is not finite, or a checkpoint is damaged.
        """
        made = self.make(unit, data)
        network = make_network(self.experiment, data, made.fix, pretrained=False).to(data.device)
        rule, test = self.experiment.selection.rule, data.part(unit.fold.test)
        rows = corrupted_rows(unit, self.experiment, data)
        result = Result(
            history=made.trained.history,
            refit_history=made.trained.refit_history,
            chosen=asdict(made.trained.choices[rule]),
            dev=made.trained.scores("dev", rule),
            weights=made.trained.weights[rule].read_bytes(),
            about={
                "model": (self.experiment.own or self.experiment.model).model_dump(mode="json"),
                "network": made.kind,
                "operations": made.operations,
                "levels": list(network.choice_levels),
                "shapes": data.shapes.record(),
            },
            segments=data.segments.iloc[test.rows_N.cpu().numpy()],
            read=_predict(made.trained, network, rows, test),
        )
        write_result(unit, self.experiment, result)
        tidy(unit)
        choice, history = made.trained.choices[rule], made.trained.history
        return describe_network(history, choice, rule, made.operations, made.mixtures)

    def make(self, unit: Unit, data: TrainingData) -> Made:
        """Train the network from scratch."""
        return Made(train_on_fold(unit, self.experiment, data))


def _predict(trained: Trained, network: Network, rows: Rows, test: Part) -> Mapping[Rule, Float64]:
    found = {}
    for rule, choice in trained.choices.items():
        load_weights(trained.weights[rule], network)
        of_level = read_out(network, rows, test.rows_N)
        found[rule] = of_level[choice.level].numpy()
    return found
