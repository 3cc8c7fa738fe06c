"""Searching one unit: train the mixture with its alpha, then write down what was found."""

from __future__ import annotations

from mfsn.base.files import write_bytes, write_json
from mfsn.runs.checkpoint import load_weights
from mfsn.runs.unit import Unit
from mfsn.systems.architecture import architecture_of
from mfsn.systems.genotype import FILE, describe_genotype, strongest
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.experiment import Experiment
from mfsn.training.fold_training import derived, make_network, tidy, train_on_fold
from mfsn.training.summary import describe_network


def search_unit(unit: Unit, experiment: Experiment, data: TrainingData) -> str:
    """Search a fold with a seed; its folder then holds all results.

    Returns:
        A line for the terminal: epochs, development scores, level and operation.

    Raises:
        ConfigError: as `mfsn.systems.architecture.architecture_of`.
        TrainingError: as `mfsn.training.fold_training.train_on_fold`.
    """
    space = architecture_of(unit, experiment.search, experiment.model.cells, data.levels)
    fix = derived(space.operations) if space.operations else None
    trained = train_on_fold(unit, experiment, data, fix, space.levels)
    network = make_network(experiment, data, fix, pretrained=False)
    load_weights(trained.weights[experiment.selection.rule], network)
    for rule, weights in trained.weights.items():
        write_bytes(unit.folder / f"{rule}.safetensors", weights.read_bytes())
    write_json(unit.folder / "history.json", trained.history)
    if trained.refit_history:
        write_json(unit.folder / "refit.json", trained.refit_history)
    genotype = describe_genotype(unit, experiment, network, trained.choices, space.levels)
    write_json(unit.folder / FILE, genotype)
    tidy(unit)
    choice = trained.choices[experiment.selection.rule]
    return describe_network(trained.history, choice, strongest(genotype))
