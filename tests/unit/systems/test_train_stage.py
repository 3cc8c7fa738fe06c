"""The train stage on toy data: exported and newly trained networks, the baseline, predictions."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mfsn.errors import TrainingError
from mfsn.manifest import read_table, segment_predictions_schema
from mfsn.models.config import ModelConfig
from mfsn.systems.linear.model import LinearModel
from mfsn.systems.search import run_search
from mfsn.systems.searching.genotype import strongest
from mfsn.systems.train import run_train
from mfsn.training.config import (
    ClassicalConfig,
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
    TrainConfig,
)
from mfsn.training.data.loading import load_data
from mfsn.training.saved import load_network

QUICK = OptimisationConfig(epochs=2, batch_size=16, lr=0.01)
CLASSES = ("calm", "loud")
WIDER = ModelConfig(
    projection=16, hidden=16, alexnet_width=0.03, image_px=(64, 64), mfcc_hidden=2, mfcc_layers=1,
    mfcc_dropout=0.0,
)  # fmt: skip
"""Wide enough that alpha has a gradient."""


ENCODERS = {"sec_tec": {"sec", "tec"}, "coattention": {"sec"}, "acoustic": set()}


def quiet(line: str) -> None:
    """Takes lines meant for the terminal."""


def train(experiment: Any, network: Any = "export", **classical: Any) -> list[str]:
    lines: list[str] = []
    changed = replace(
        experiment, train=TrainConfig(network=network), classical=ClassicalConfig(**classical)
    )
    run_train(changed, 1, lines.append)
    return lines


def predictions_of(experiment: Any) -> pd.DataFrame:
    path = experiment.outputs.segment_predictions
    return read_table(path, segment_predictions_schema(CLASSES))


def record_of(experiment: Any, unit: str = "ses0-seed0") -> dict[str, Any]:
    text = (experiment.outputs.models / unit / "model.json").read_text()
    record: dict[str, Any] = json.loads(text)
    return record


@pytest.fixture
def searched(toy: Any) -> Any:
    experiment = toy(optimisation=QUICK, selection=SelectionConfig(compare=("oracle_test",)))
    run_search(experiment, 1, quiet)
    return experiment


def test_export_copies_the_network_of_the_search(searched: Any) -> None:
    train(searched)
    for unit in ("ses0-seed0", "ses1-seed0", "ses2-seed0"):
        model, search = searched.outputs.models / unit, searched.outputs.search / unit
        names = sorted(path.name for path in model.iterdir())
        assert names == ["history.json", "model.json", "model.safetensors"]
        weights = (search / "held_out.safetensors").read_bytes()
        assert (model / "model.safetensors").read_bytes() == weights
        assert (model / "history.json").read_bytes() == (search / "history.json").read_bytes()
    genotype = json.loads((searched.outputs.search / "ses0-seed0" / "genotype.json").read_text())
    record = record_of(searched)
    assert (record["epoch"], record["level"]) == (genotype["epoch"], genotype["level"])
    assert record["network"] == "export"


def test_predictions_are_of_the_test_parts_in_a_fixed_order(searched: Any) -> None:
    train(searched)
    table, segments = predictions_of(searched), searched.segments
    session = segments["utterance_id"].str.slice(0, 2)
    expected = [
        (f"ses{fold}", rule, segment)
        for fold in range(3)
        for rule in ("held_out", "oracle_test")
        for segment in segments.loc[session == f"s{fold}", "segment_id"]
    ]
    found = zip(table["fold"], table["selection"], table["segment_id"], strict=True)
    assert list(found) == expected
    assert (table["label"] == table["utterance_id"].str.slice(4, 8)).all()
    posteriors = np.exp(table[[f"log_posterior_{name}" for name in CLASSES]].to_numpy())
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("network", ["export", "soft", "derived"])
def test_a_saved_network_gives_the_predictions_in_the_table(searched: Any, network: str) -> None:
    train(searched, network)
    saved = load_network(searched.outputs.models / "ses1-seed0")
    assert saved.classes == CLASSES
    data = load_data(searched, "cpu")
    own = torch.from_numpy(np.flatnonzero(data.segments["utterance_id"].str.startswith("s1")))
    with torch.no_grad():
        logits = saved.network(data.rows.features(own), saved.level)
    table = predictions_of(searched)
    chosen = table[(table["fold"] == "ses1") & (table["selection"] == "held_out")]
    columns = [f"log_posterior_{name}" for name in CLASSES]
    expected = logits.double().log_softmax(dim=1).numpy()
    np.testing.assert_allclose(chosen[columns].to_numpy(), expected, atol=1e-6)


def test_soft_keeps_alpha_and_trains_from_scratch(toy: Any) -> None:
    searched = toy(
        separation=6.0,
        optimisation=QUICK.model_copy(update={"batch_size": 4}),
        search=SearchConfig(alpha_lr=500.0),
        model=WIDER,
        selection=SelectionConfig(rule="last_epoch"),
    )
    run_search(searched, 1, quiet)
    train(searched, "soft")
    folder = searched.outputs.models / "ses0-seed0"
    genotype = json.loads((searched.outputs.search / "ses0-seed0" / "genotype.json").read_text())
    history = json.loads((folder / "history.json").read_text())
    weights = genotype["cells"][0]["weights"]
    assert max(weights) > 0.2  # the search has moved alpha
    for entry in history:
        np.testing.assert_allclose(entry["alpha_weights"][0], weights, atol=1e-6)
    searched_weights = searched.outputs.search / "ses0-seed0" / "last_epoch.safetensors"
    assert (folder / "model.safetensors").read_bytes() != searched_weights.read_bytes()


def test_derived_keeps_one_operation_and_one_level(searched: Any) -> None:
    train(searched, "derived")
    record = record_of(searched)
    genotype = json.loads((searched.outputs.search / "ses0-seed0" / "genotype.json").read_text())
    assert record["operations"] == [genotype["cells"][0]["chosen"]]
    assert record["level"] == genotype["level"]
    history = json.loads((searched.outputs.models / "ses0-seed0" / "history.json").read_text())
    assert set(history[0]["dev"]) == set(history[0]["levels_drawn"]) == {genotype["level"]}
    (weights,) = history[0]["alpha_weights"]
    assert sorted(weights) == [0.0] * 7 + [1.0]


@pytest.mark.parametrize("network", ["export", "soft", "derived"])
def test_given_operations_are_what_every_network_has(toy: Any, network: str) -> None:
    search = SearchConfig(mode="fixed", operations=("zero",))
    experiment = toy(optimisation=QUICK, search=search)
    run_search(experiment, 1, quiet)
    config = TrainConfig(network=network, derive_zero=False)
    run_train(replace(experiment, train=config), 1, quiet)
    assert record_of(experiment)["operations"] == ["zero"]
    network_made: Any = load_network(experiment.outputs.models / "ses0-seed0").network
    cell = network_made.cells[0]
    assert cell.weights() == [1.0] + [0.0] * 7


def test_zero_can_be_kept_out_of_the_derived_network(searched: Any) -> None:
    path = searched.outputs.search / "ses0-seed0" / "genotype.json"
    genotype = json.loads(path.read_text())
    genotype["cells"][0]["weights"] = [0.5, 0.1, 0.2, 0.04, 0.04, 0.04, 0.04, 0.04]
    assert strongest(genotype) == ["zero"]
    assert strongest(genotype, zero=False) == ["attention"]


@pytest.mark.parametrize("system", ["sec_tec", "coattention", "acoustic"])
def test_systems_without_search_train_here(toy: Any, system: str) -> None:
    experiment = toy(system=system, optimisation=QUICK)
    lines = train(experiment)
    assert lines[-1] == "train: 3 units, 3 computed now, 0 from before"
    assert record_of(experiment)["operations"] == []
    about = json.loads((experiment.outputs.models / "run.json").read_text())
    assert set(about["encoders"]) == ENCODERS[system]
    level = load_network(experiment.outputs.models / "ses2-seed0").level
    assert level == ("acoustic" if system == "acoustic" else "high")
    assert train(experiment) == ["train: 3 units, 0 computed now, 3 from before"]


def test_acoustic_reads_nothing_of_the_encoders(toy: Any) -> None:
    experiment = toy(system="acoustic", optimisation=QUICK)
    for name in ("sec", "tec"):
        shutil.rmtree(experiment.store / name)
        experiment.outputs.digest(name).unlink()
    assert len(train(experiment)) == 4
    record = record_of(experiment)
    assert record["levels"] == ["acoustic"]
    read = {extractor for extractor, _, _ in record["shapes"]["arrays"]}
    assert read == {"spectrogram", "mfcc"}


def test_the_baseline_predicts_whole_utterances(toy: Any) -> None:
    experiment = toy(system="classical", separation=3.0)
    lines = train(experiment)
    assert lines[0].startswith("fold ses0, seed 0: C ")
    table = predictions_of(experiment)
    assert list(table["segment_id"]) == [f"{name}#all" for name in table["utterance_id"]]
    valid = experiment.segments.groupby("utterance_id")["valid_samples"].sum()
    assert list(table["valid_samples"]) == list(valid.loc[table["utterance_id"]])
    decided = np.where(table["log_posterior_loud"] > table["log_posterior_calm"], "loud", "calm")
    assert (decided == table["label"]).mean() > 0.9
    model = LinearModel.load(experiment.outputs.models / "ses0-seed0" / "model.safetensors")
    rows = experiment.reader("functionals").read(list(table["utterance_id"][:12]))["functionals"]
    columns = [f"log_posterior_{name}" for name in CLASSES]
    np.testing.assert_array_equal(model.log_posteriors(rows), table[columns].to_numpy()[:12])


def test_the_baseline_chooses_c_on_development_data(toy: Any) -> None:
    selection = SelectionConfig(compare=("oracle_test", "last_epoch"))
    experiment = toy(system="classical", selection=selection)
    train(experiment, c_grid=(1e-4, 1.0), c=0.3)
    folder = experiment.outputs.models / "ses0-seed0"
    history = json.loads((folder / "history.json").read_text())
    assert [entry["c"] for entry in history] == [1e-4, 1.0, 0.3]
    scores = [entry["dev"]["functionals"]["ua"] for entry in history[:2]]
    assert record_of(experiment)["c"] == (1e-4, 1.0)[int(np.argmax(scores))]
    assert set(predictions_of(experiment)["selection"]) == {"held_out", "oracle_test", "last_epoch"}


def test_the_refitted_baseline_has_also_learnt_from_development_data(toy: Any) -> None:
    plain = toy(system="classical", separation=0.3)
    train(plain)
    weights = plain.outputs.models / "ses0-seed0" / "model.safetensors"
    before, c = weights.read_bytes(), record_of(plain)["c"]
    train(replace(plain, selection=SelectionConfig(refit=True)))
    assert weights.read_bytes() != before
    assert record_of(plain)["c"] == c


def test_a_baseline_that_did_not_converge_says_so(toy: Any) -> None:
    experiment = toy(system="classical", separation=0.0)
    lines = train(experiment, c_grid=(1e6,), max_iter=1)
    assert lines[0].endswith("(liblinear did not converge)")
    assert record_of(experiment)["converged"] is False


def test_shuffled_labels_train_another_baseline(toy: Any) -> None:
    plain = toy(system="classical", separation=3.0)
    train(plain)
    good = predictions_of(plain)
    shuffled = replace(plain, optimisation=QUICK.model_copy(update={"shuffle_labels": True}))
    train(shuffled)
    bad = predictions_of(plain)

    def accuracy(table: pd.DataFrame) -> float:
        loud = table["log_posterior_loud"] > table["log_posterior_calm"]
        return float((loud == (table["label"] == "loud")).mean())

    assert accuracy(good) > 0.9
    assert accuracy(bad) < 0.8


def test_run_json_says_what_ran(searched: Any) -> None:
    train(searched)
    about = json.loads((searched.outputs.models / "run.json").read_text())
    assert about["protocol"]["speaker_independent"] is True
    assert about["folds"] == ["ses0", "ses1", "ses2"]
    assert about["encoders"]["sec"]["weights"] == "random weights"
    assert about["encoders"]["sec"]["trained"] is False
    assert set(about["features"]) == {"sec", "tec", "spectrogram", "mfcc"}
    assert about["selection"]["rule"] == "held_out"
    assert str(searched.outputs.workspace) not in json.dumps(about)


def test_a_missing_search_is_named(toy: Any) -> None:
    with pytest.raises(TrainingError, match=r"genotype.json is missing; run `dvc repro search`"):
        train(toy(optimisation=QUICK))


def test_another_search_trains_again(searched: Any) -> None:
    assert train(searched)[-1].startswith("train: 3 units, 3 computed")
    assert train(searched)[-1].startswith("train: 3 units, 0 computed")
    path = searched.outputs.search / "ses1-seed0" / "genotype.json"
    path.write_text(path.read_text() + "\n")
    assert train(searched)[-1].startswith("train: 3 units, 1 computed")


def test_weights_of_another_network_are_refused(searched: Any) -> None:
    train(searched)
    folder = searched.outputs.models / "ses0-seed0"
    record = record_of(searched)
    record["model"]["hidden"] = 6
    (folder / "model.json").write_text(json.dumps(record))
    with pytest.raises(TrainingError, match="cannot be read into this network"):
        load_network(folder)


def test_a_folder_without_a_model_is_named(searched: Any) -> None:
    with pytest.raises(TrainingError, match="holds no trained model"):
        load_network(searched.outputs.search)
    with pytest.raises(TrainingError, match="holds no linear model"):
        LinearModel.load(searched.outputs.search / "ses0-seed0" / "held_out.safetensors")
