"""A fit reads the parameters that its system declares, and no others."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from mfsn.errors import UndeclaredParameterError
from mfsn.params import experiment_of, load_params, outputs_of
from mfsn.training.config import ClassicalConfig, OptimisationConfig, SearchConfig
from mfsn.training.declared import declared_section
from mfsn.training.experiment import Experiment
from mfsn.training.system import get_system


def experiment(checkout: Path, system: str, *, searching: bool = False) -> Experiment:
    params = load_params(checkout).model_copy(update={"system": system})
    return experiment_of(params, outputs_of(params, checkout), {}, searching=searching)


def test_a_section_that_is_declared_whole_is_given_whole() -> None:
    whole = OptimisationConfig()
    assert declared_section(get_system("mfsn"), "optimisation", whole, searching=True) is whole


def test_of_a_section_only_the_declared_parameters_can_be_read() -> None:
    config = OptimisationConfig(class_weights=True)
    found = declared_section(get_system("probe"), "optimisation", config, searching=False)
    assert found.class_weights is True
    expected = r"system probe reads optimisation\.lr .* add it to `parameters`"
    with pytest.raises(UndeclaredParameterError, match=expected):
        _ = found.lr


def test_a_section_that_is_not_declared_cannot_be_read() -> None:
    found = declared_section(get_system("classical"), "search", SearchConfig(), searching=False)
    with pytest.raises(UndeclaredParameterError, match=r"classical reads search\.mode"):
        _ = found.mode


def test_an_experiment_holds_what_its_system_declares(checkout: Path) -> None:
    probing = experiment(checkout, "probe")
    assert probing.classical.c_grid == ClassicalConfig().c_grid
    with pytest.raises(UndeclaredParameterError, match=r"probe reads classical\.scaling"):
        _ = probing.classical.scaling
    with pytest.raises(UndeclaredParameterError, match=r"probe reads model\.cells"):
        _ = probing.model.cells
    parameters = {"optimisation": {"class_weights", "shuffle_labels"},
                  "classical": {"c_grid", "c", "max_iter"}}  # fmt: skip
    assert {name: set(own) for name, own in probing.parameters("train").items()} == parameters


def test_a_worker_is_given_the_same_restrictions(checkout: Path) -> None:
    sent = replace(pickle.loads(pickle.dumps(experiment(checkout, "probe"))), seeds=(1,))
    assert sent.classical.max_iter == ClassicalConfig().max_iter
    with pytest.raises(UndeclaredParameterError, match=r"probe reads train\.network"):
        _ = sent.train.network
