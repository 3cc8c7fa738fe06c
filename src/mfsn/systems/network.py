"""Training one unit's network: exported from the search, or trained from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.base.files import read_json
from mfsn.models.network import SerNetwork
from mfsn.runs.checkpoint import load_weights
from mfsn.runs.unit import Unit
from mfsn.systems.genotype import is_given, read_genotype, strongest
from mfsn.training.config import Rule, TrainConfig
from mfsn.training.data.corruption import corrupted_rows
from mfsn.training.data.fold_data import Part, TrainingData
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment
from mfsn.training.fold_training import Fix, Trained, derived, make_network, tidy, train_on_fold
from mfsn.training.loop import read_out
from mfsn.training.results import HISTORY, REFIT_HISTORY, Result, write_result
from mfsn.training.selection import Choice
from mfsn.training.summary import describe_network

Genotype = Mapping[str, Any]


def train_network_unit(
    unit: Unit, experiment: Experiment, config: TrainConfig, data: TrainingData
) -> str:
    """Make a unit's network, predict its test part, and write its folder.

    Returns:
        A line for the terminal.

    Raises:
        TrainingError: if the search's results are missing or do not fit, a loss or score is not
            finite, or a checkpoint is damaged.
        ConfigError: if the genotype has another number of cells than the network.
    """
    genotype, fix = None, None
    if experiment.system == "mfsn":
        genotype = read_genotype(experiment.outputs.search, unit)
        fix = _fix(config, genotype)
    trained = _train(unit, experiment, config, data, genotype)
    operations = _operations(config, genotype) if genotype else []
    rule, test = experiment.selection.rule, data.part(unit.fold.test)
    result = Result(
        history=trained.history,
        refit_history=trained.refit_history,
        choices=trained.choices,
        weights=trained.weights[rule].read_bytes(),
        about={
            "network": _kind(config, genotype) if genotype else "trained",
            "operations": operations,
            "levels": list(data.levels),
            "shapes": asdict(data.shapes),
        },
        segments=data.segments.iloc[test.rows_N.cpu().numpy()],
        read=_predict(
            trained,
            make_network(experiment, data, fix, False).to(data.device),
            corrupted_rows(unit, experiment, data),
            test,
        ),
    )
    write_result(unit, experiment, result)
    tidy(unit)
    return describe_network(trained.history, trained.choices[rule], operations)


def _train(
    unit: Unit,
    experiment: Experiment,
    config: TrainConfig,
    data: TrainingData,
    genotype: Genotype | None,
) -> Trained:
    if genotype is None:
        return train_on_fold(unit, experiment, data)
    if config.network == "export":
        return _searched(experiment.outputs.search / unit.name, genotype)
    levels = [genotype["level"]] if config.network == "derived" else genotype["levels"]
    return train_on_fold(unit, experiment, data, _fix(config, genotype), levels)


def _searched(folder: Path, genotype: Genotype) -> Trained:
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


def _kind(config: TrainConfig, genotype: Genotype) -> str:
    """What a reader of the weights has to build: operations that were given stand alone."""
    return "derived" if is_given(genotype) else config.network


def _operations(config: TrainConfig, genotype: Genotype) -> list[str]:
    """What is derived, or for the reader the strongest of the mixture."""
    searched = config.network == "derived" and not is_given(genotype)
    return strongest(genotype, zero=config.derive_zero or not searched)


def _predict(
    trained: Trained, network: SerNetwork, rows: Rows, test: Part
) -> dict[Rule, npt.NDArray[np.float64]]:
    found = {}
    for rule, choice in trained.choices.items():
        load_weights(trained.weights[rule], network)
        of_level = read_out(network, rows, test.rows_N)
        found[rule] = of_level[choice.level].numpy()
    return found
