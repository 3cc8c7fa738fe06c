"""Fit MFSN: the search of stage `search`, and what stage `train` makes of its genotypes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mfsn.base.files import read_json, write_bytes, write_json
from mfsn.models.network import SerNetwork
from mfsn.runs.checkpoint import load_weights
from mfsn.runs.unit import Unit
from mfsn.systems.networks.fits import Made, NetworkFits
from mfsn.systems.searching.architecture import architecture_of
from mfsn.systems.searching.genotype import (
    FILE,
    describe_genotype,
    is_given,
    read_genotype,
    strongest,
)
from mfsn.training.config import Rule, TrainConfig
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.experiment import Experiment
from mfsn.training.fold_training import Fix, Trained, derived, make_network, tidy, train_on_fold
from mfsn.training.results import HISTORY, REFIT_HISTORY
from mfsn.training.selection import Choice
from mfsn.training.summary import describe_network

Genotype = Mapping[str, Any]


@dataclass(frozen=True)
class SearchFits(NetworkFits):
    """Searches: the mixture of operations is trained together with its alpha."""

    def fit(self, unit: Unit, data: TrainingData) -> str:
        """Search a fold with a seed; its folder then holds all results.

        Returns:
            A line for the terminal: epochs, development scores, level and operation.

        Raises:
            ConfigError: as `mfsn.systems.searching.architecture.architecture_of`.
            TrainingError: as `mfsn.training.fold_training.train_on_fold`.
        """
        experiment, rule = self.experiment, self.experiment.selection.rule
        levels = data.shapes.of("sec")
        space = architecture_of(unit, experiment.search, experiment.model.cells, levels)
        fix = derived(space.operations) if space.operations else None
        trained = train_on_fold(unit, experiment, data, fix, space.levels)
        network = cast(SerNetwork, make_network(experiment, data, fix, pretrained=False))
        load_weights(trained.weights[rule], network)
        for name, weights in trained.weights.items():
            write_bytes(unit.folder / f"{name}.safetensors", weights.read_bytes())
        write_json(unit.folder / HISTORY, trained.history)
        if trained.refit_history:
            write_json(unit.folder / REFIT_HISTORY, trained.refit_history)
        genotype = describe_genotype(unit, experiment, network, trained.choices, space.levels)
        write_json(unit.folder / FILE, genotype)
        tidy(unit)
        choice, operations = trained.choices[rule], strongest(genotype)
        mixtures = _mixtures(genotype)
        return describe_network(trained.history, choice, rule, operations, mixtures)


@dataclass(frozen=True)
class SearchedFits(NetworkFits):
    """The networks of genotypes: exported from the search, or trained from scratch."""

    @staticmethod
    def jobs(experiment: Experiment) -> int | None:
        """One if networks are exported, because predicting is faster than starting workers."""
        return 1 if experiment.train.network == "export" else None

    def make(self, unit: Unit, data: TrainingData) -> Made:
        """Export the network of the search, or train the genotype that it found.

        Raises:
            TrainingError: if the search's results are missing or do not fit.
            ConfigError: if the numbers of cells of genotype and network differ.
        """
        config, search = self.experiment.train, self.experiment.outputs.search
        genotype = read_genotype(search, unit)
        fix = _fix(config, genotype)
        if config.network == "export":
            trained = _exported(search / unit.name, genotype)
        else:
            levels = [genotype["level"]] if config.network == "derived" else genotype["levels"]
            trained = train_on_fold(unit, self.experiment, data, fix, levels)
        # A network whose operations were given holds only these, also when it is exported.
        kind = "derived" if is_given(genotype) else config.network
        mixtures = [] if kind == "derived" else _mixtures(genotype)
        return Made(trained, fix, kind, _operations(config, genotype), mixtures)


def _exported(folder: Path, genotype: Genotype) -> Trained:
    """The search's network is the trained network (the paper's single training process)."""
    selected: Mapping[Rule, Any] = genotype["selected"]
    refit_history = folder / REFIT_HISTORY
    return Trained(
        history=read_json(folder / HISTORY),
        choices={rule: Choice(found["epoch"], found["level"]) for rule, found in selected.items()},
        weights={rule: folder / f"{rule}.safetensors" for rule in selected},
        refit_history=read_json(refit_history) if refit_history.is_file() else [],
    )


def _fix(config: TrainConfig, genotype: Genotype) -> Fix | None:
    if is_given(genotype) or config.network == "derived":
        return derived(_operations(config, genotype))
    if config.network == "soft":
        alphas = [cell["alpha"] for cell in genotype["cells"]]
        return lambda network: network.freeze_architecture(alphas)
    return None


def _mixtures(genotype: Genotype) -> list[list[float]]:
    return [] if is_given(genotype) else [cell["weights"] for cell in genotype["cells"]]


def _operations(config: TrainConfig, genotype: Genotype) -> list[str]:
    """The operations to derive; for a mixture, the strongest ones, which only the record names."""
    searched = config.network == "derived" and not is_given(genotype)
    return strongest(genotype, zero=config.derive_zero or not searched)
