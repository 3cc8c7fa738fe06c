"""System weighted_layers through the stage: the weights of the layers stand beside each model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from mfsn.base.files import read_json
from mfsn.models.weighted_layers import WeightedLayers
from mfsn.models.weighted_layers_config import WeightedLayersConfig
from mfsn.systems.train import run_train
from mfsn.training.config import OptimisationConfig
from mfsn.training.saved import load_network

QUICK = OptimisationConfig(epochs=3, batch_size=16, lr=0.01)


@pytest.fixture
def trained(toy: Any) -> Any:
    own = WeightedLayersConfig(hidden=4, statistics="mean_std")
    experiment = replace(toy(system="weighted_layers", optimisation=QUICK), own=own)
    lines: list[str] = []
    run_train(experiment, 1, lines.append)
    assert all("most weight on " in line for line in lines[:3])
    return experiment


def test_every_model_has_the_weights_of_its_layers(trained: Any) -> None:
    folders = sorted(trained.outputs.models.glob("*-seed0"))
    assert len(folders) == 3
    for folder in folders:
        layers = read_json(folder / "layer_weights.json")["layers"]
        saved = load_network(folder)
        network = cast(WeightedLayers, saved.network)
        assert [layer["level"] for layer in layers] == [array for _, array in network.layers]
        weights = [layer["weight"] for layer in layers]
        assert weights == pytest.approx(network.layer_weights().tolist())
        assert saved.record["model"]["statistics"] == "mean_std"


def test_its_own_parameters_train_other_networks(trained: Any) -> None:
    from mfsn.training.plan_units import plan_units

    other = replace(trained, own=WeightedLayersConfig(hidden=5))
    runs = [[unit.run for unit in plan_units(each, "train", "x")] for each in (trained, other)]
    assert not set(runs[0]) & set(runs[1])
