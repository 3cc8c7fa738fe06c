"""System `classical` with ridge regression, blocks of functionals, and copies to train on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mfsn.errors import ConfigError, TrainingError
from mfsn.runs.unit import Unit
from mfsn.systems.linear.classical import ClassicalFits
from mfsn.systems.linear.fits import Vectors
from mfsn.systems.linear.model import LinearModel, fit_ridge_classes
from mfsn.training.config import ClassicalConfig, OptimisationConfig, SelectionConfig
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units

RIDGE = ClassicalConfig(classifier="ridge", scaling="blocks", c_grid=(0.01, 1.0))


@pytest.fixture
def refitting(toy: Any) -> Experiment:
    experiment: Experiment = toy(
        system="classical",
        separation=1.0,
        selection=SelectionConfig(refit=True),
        optimisation=OptimisationConfig(class_weights=True),
    )
    return experiment


def first_unit(experiment: Experiment) -> Unit:
    return plan_units(experiment, "train", "model.json")[0]


def load(experiment: Experiment) -> Vectors:
    return ClassicalFits(experiment, streaming=False).load()


def fit(experiment: Experiment, data: Vectors, config: ClassicalConfig = RIDGE) -> str:
    changed = replace(experiment, classical=config)
    return ClassicalFits(changed, streaming=False).fit(first_unit(experiment), data)


def with_copy(data: Vectors) -> Vectors:
    rows = data.levels["functionals"]
    noise = np.random.default_rng(1).normal(0, 0.1, rows.shape).astype(np.float32)
    return replace(data, copies=[rows + noise], blocks=[2, 4])


def weights(experiment: Experiment, data: Vectors, config: ClassicalConfig = RIDGE) -> bytes:
    fit(experiment, data, config)
    return (first_unit(experiment).folder / "model.safetensors").read_bytes()


def garbled(data: Vectors, ids: tuple[str, ...]) -> Vectors:
    """Rows and copies of some utterances replaced by what nothing should be able to learn from."""
    index = [data.position[name] for name in ids]
    rows, copies = data.levels["functionals"].copy(), [copy.copy() for copy in data.copies]
    for array in (rows, *copies):
        array[index] = 1e6
    labels = {name: 0 if name in ids else label for name, label in data.labels.items()}
    return replace(data, levels={"functionals": rows}, copies=copies, labels=labels)


def test_test_speakers_reach_no_model(refitting: Experiment) -> None:
    data = with_copy(load(refitting))
    clean = weights(refitting, data)
    fold = first_unit(refitting).fold
    assert weights(refitting, garbled(data, fold.test)) == clean
    assert weights(refitting, garbled(data, fold.train[:1])) != clean


def test_development_speakers_only_choose_without_refit(refitting: Experiment) -> None:
    plain = replace(refitting, selection=SelectionConfig())
    data = with_copy(load(plain))
    single = RIDGE.model_copy(update={"c_grid": (0.1,)})  # nothing to choose
    clean = weights(plain, data, single)
    fold = first_unit(plain).fold
    assert weights(plain, garbled(data, fold.dev + fold.test), single) == clean


def test_c_is_chosen_on_development_data_and_then_fitted_on_both(refitting: Experiment) -> None:
    data = with_copy(load(refitting))
    unit = first_unit(refitting)
    found = weights(refitting, data)
    history = json.loads((unit.folder / "history.json").read_text())
    record = json.loads((unit.folder / "model.json").read_text())
    scored = [e["dev"]["functionals"]["ua"] + e["dev"]["functionals"]["wa"] for e in history]
    assert record["c"] == RIDGE.c_grid[int(np.argmax(scored))]
    ids = list(unit.fold.train + unit.fold.dev)
    index = [data.position[name] for name in ids]
    rows = np.concatenate([data.levels["functionals"][index], data.copies[0][index]])
    labels = np.array([data.labels[name] for name in ids] * 2)
    expected = fit_ridge_classes(rows, labels, c=record["c"], balanced=True, blocks=[2, 4])
    assert found == expected.serialise()


def test_only_the_utterance_itself_is_scored(refitting: Experiment) -> None:
    data = with_copy(load(refitting))
    lines = [fit(refitting, data)]
    assert lines[0].startswith("C ")
    model = LinearModel.load(first_unit(refitting).folder / "model.safetensors")
    tested = data.of("functionals", first_unit(refitting).fold.test)
    assert model.log_posteriors(tested).shape == (12, 2)


def test_blocks_count_only_where_asked_for(refitting: Experiment) -> None:
    data = with_copy(load(refitting))
    each = RIDGE.model_copy(update={"scaling": "functionals"})
    unblocked = weights(refitting, replace(data, blocks=[]), each)
    assert weights(refitting, data, each) == unblocked
    assert weights(refitting, data) != unblocked


def test_a_copy_that_is_not_finite_is_refused(refitting: Experiment) -> None:
    data = with_copy(load(refitting))
    data.copies[0][:] = np.nan
    with pytest.raises(TrainingError, match="a feature is not a finite number"):
        weights(refitting, data)


def test_a_support_vector_machine_has_no_blocks() -> None:
    with pytest.raises(ConfigError, match="scaling: blocks works only with classifier: ridge"):
        ClassicalConfig.parse({"scaling": "blocks"}, where="params.yaml: classical")
