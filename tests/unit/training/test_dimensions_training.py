"""Training on values of dimensions, and on soft labels, from the tables to the predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from mfsn.corpora.config import LabelsConfig
from mfsn.errors import TrainingError
from mfsn.manifest import read_table, segment_predictions_schema
from mfsn.models.config import ModelConfig
from mfsn.systems.search import run_search
from mfsn.systems.train import run_train
from mfsn.training.config import (
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
    TrainConfig,
)
from mfsn.training.data.fold_data import as_tensor
from mfsn.training.data.labels import labels_of, main_class
from mfsn.training.data.loading import load_data
from mfsn.training.plan_units import plan_units
from mfsn.training.saved import load_network

DIMENSIONS = ["valence", "arousal"]
RATED = LabelsConfig(classes=["calm", "loud"], target="dimensions", dimensions=DIMENSIONS)
QUICK = OptimisationConfig(epochs=2, batch_size=16, lr=0.01)
WIDER = ModelConfig(
    projection=16, hidden=16, alexnet_width=0.03, image_px=(64, 64), mfcc_hidden=2, mfcc_layers=1,
    dropout=0.0,
)  # fmt: skip
LONGER = OptimisationConfig(epochs=12, batch_size=8, lr=0.005)


def rated_manifest(toy: Any) -> pd.DataFrame:
    """Arousal goes with the class, valence is noise; session 2 rates far above the others."""
    table: pd.DataFrame = toy(folder="plain").manifest
    noise = np.random.default_rng(0).normal(size=(len(table), 2)) * 0.1
    above = np.where(table["session"] == "ses2", 100.0, 0.0)
    return table.assign(
        valence=3 + noise[:, 0] + above,
        arousal=np.where(table["emotion"] == "loud", 4.0, 2.0) + noise[:, 1] + above,
    )


@pytest.fixture
def rated(toy: Any) -> Any:
    def make(**fields: Any) -> Any:
        manifest = rated_manifest(toy)
        return toy(manifest=manifest, labels=RATED, **{"optimisation": QUICK} | fields)

    return make


def run(experiment: Any, network: Any = "export") -> pd.DataFrame:
    lines: list[str] = []
    run_search(experiment, 1, lines.append)
    run_train(replace(experiment, train=TrainConfig(network=network)), 1, lines.append)
    assert any("dev CCC" in line and "MSE" in line for line in lines)
    path = experiment.outputs.segment_predictions
    return read_table(path, segment_predictions_schema([], DIMENSIONS))


def record_of(experiment: Any, unit: str = "ses0-seed0") -> dict[str, Any]:
    text = (experiment.outputs.models / unit / "model.json").read_text()
    record: dict[str, Any] = json.loads(text)
    return record


@pytest.mark.parametrize(
    ("system", "network"),
    [("classical", "export"), ("acoustic", "export"), ("coattention", "export"),
     ("sec_tec", "export"), ("mfsn", "export"), ("mfsn", "soft"), ("mfsn", "derived")],
)  # fmt: skip
def test_every_system_predicts_dimensions(rated: Any, system: Any, network: Any) -> None:
    experiment = rated(system=system)
    table = run(experiment, network)
    ratings = experiment.manifest.set_index("utterance_id")
    for name in DIMENSIONS:
        assert (table[f"label_{name}"].to_numpy() == ratings.loc[table["utterance_id"], name]).all()
    record = record_of(experiment)
    assert record["dimensions"] == DIMENSIONS
    assert set(record["dev"]) == {"loss", "ccc", "mse"}


def test_what_the_mean_would_predict_is_of_the_training_part_alone(rated: Any) -> None:
    experiment = rated(system="classical")
    table = run(experiment)
    ratings = experiment.manifest.set_index("utterance_id")
    for fold in experiment.folds:
        of_fold = table[table["fold"] == fold.name]
        expected = ratings.loc[list(fold.train), "arousal"].mean()
        np.testing.assert_allclose(of_fold["mean_arousal"], expected)


def test_a_refitted_model_has_also_seen_the_development_part(rated: Any) -> None:
    experiment = rated(system="classical", selection=SelectionConfig(refit=True))
    table, fold = run(experiment), experiment.folds[0]
    ratings = experiment.manifest.set_index("utterance_id")["arousal"]
    expected = ratings.loc[[*fold.train, *fold.dev]].mean()
    np.testing.assert_allclose(table.loc[table["fold"] == fold.name, "mean_arousal"], expected)


@pytest.mark.parametrize("system", ["acoustic", "classical"])
def test_values_are_scaled_by_the_training_part_alone(rated: Any, system: Any) -> None:
    """Where session 2, which rates 100 above the others, is held out, nothing knows of it."""
    experiment = rated(system=system)
    table = run(experiment)
    trained = {fold.name: {name[:2] for name in fold.train} for fold in experiment.folds}
    unaware = [fold for fold, sessions in trained.items() if "s2" not in sessions]
    assert len(unaware) == 2
    predicted = table.loc[table["fold"].isin(unaware), "predicted_arousal"]
    assert predicted.abs().max() < 50
    if system == "acoustic":
        for fold in experiment.folds:
            weights = experiment.outputs.models / f"{fold.name}-seed0" / "model.safetensors"
            ratings = experiment.manifest.set_index("utterance_id").loc[list(fold.train)]
            expected = ratings[DIMENSIONS].to_numpy()
            kept = load_file(weights)
            np.testing.assert_allclose(kept["readout.mean_D"], expected.mean(axis=0), rtol=1e-5)
            np.testing.assert_allclose(kept["readout.scale_D"], expected.std(axis=0), rtol=1e-4)


def test_networks_learn_what_can_be_heard(toy: Any) -> None:
    manifest = rated_manifest(toy)
    arousal = np.where(manifest["emotion"] == "loud", 4.0, 2.0)
    manifest = manifest.assign(arousal=arousal, valence=-arousal)
    experiment = toy(
        3.0, manifest=manifest, labels=RATED, system="coattention", model=WIDER, optimisation=LONGER
    )
    table = run(experiment)
    for name in DIMENSIONS:
        mse, of_the_mean = (
            ((table[f"label_{name}"] - table[f"{kind}_{name}"]) ** 2).mean()
            for kind in ("predicted", "mean")
        )
        assert mse < of_the_mean / 2


def test_a_saved_network_gives_the_values_in_the_table(rated: Any) -> None:
    experiment = rated(system="acoustic")
    table, data = run(experiment), load_data(experiment, "cpu")
    saved = load_network(experiment.outputs.models / "ses1-seed0")
    own = data.segments["utterance_id"].str.startswith("s1").to_numpy()
    with torch.no_grad():
        outputs = saved.network(data.rows.features(torch.from_numpy(np.flatnonzero(own))))
    found = saved.network.readout(outputs.double()).numpy()
    columns = [f"predicted_{name}" for name in DIMENSIONS]
    expected = table.loc[table["fold"] == "ses1", columns].to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_test_part_decides_nothing_but_its_own_scores(toy: Any) -> None:
    """Other ratings of the test speakers give the same predictions."""
    manifest = rated_manifest(toy)
    tested = manifest["session"] == "ses0"
    changed = manifest.assign(arousal=manifest["arousal"].where(~tested, 7.0))
    predicted = []
    for number, table in enumerate((manifest, changed)):
        experiment = toy(
            manifest=table, labels=RATED, system="acoustic", optimisation=QUICK, folder=str(number)
        )
        found = run(experiment)
        predicted.append(found.loc[found["fold"] == "ses0", ["predicted_arousal", "mean_arousal"]])
    pd.testing.assert_frame_equal(predicted[0], predicted[1])


def test_bilevel_search_needs_no_classes_of_dimensions(rated: Any) -> None:
    experiment = rated(search=SearchConfig(mode="bilevel"))
    assert len(run(experiment)) == len(experiment.segments)


def test_ratings_decide_which_unit_it_is(toy: Any) -> None:
    manifest = rated_manifest(toy)
    other = manifest.assign(arousal=manifest["arousal"] + 1)
    runs = []
    for number, table in enumerate((manifest, other)):
        experiment = toy(manifest=table, labels=RATED, system="acoustic", folder=str(number))
        runs.append([unit.run for unit in plan_units(experiment, "train", "done")])
    assert not set(runs[0]) & set(runs[1])


def test_an_utterance_without_a_rating_is_refused(toy: Any) -> None:
    manifest = rated_manifest(toy)
    manifest.loc[3, "valence"] = None
    experiment = toy(manifest=manifest, labels=RATED)
    with pytest.raises(TrainingError, match=r"^1 utterance without valence or arousal.*dvc repro"):
        _ = experiment.manifest


# Soft labels


def softened(toy: Any) -> pd.DataFrame:
    """On every third utterance the raters did not agree; most said loud."""
    table: pd.DataFrame = toy(folder="plain").manifest
    soft = table["utterance_id"].str.endswith("2")
    shares = pd.Series(json.dumps({"loud": 0.75, "calm": 0.25}), table.index).where(soft, None)
    return table.assign(soft_label=shares, emotion=table["emotion"].where(~soft, "loud"))


def test_soft_labels_are_shares_in_the_order_of_the_classes(toy: Any) -> None:
    labels = labels_of(softened(toy), LabelsConfig(classes=["calm", "loud"]))
    assert labels["s0p0calm2"] == (0.25, 0.75)
    assert labels["s0p0calm1"] == 0
    assert main_class(labels["s0p0calm2"]) == 1
    assert as_tensor([0, (0.25, 0.75)]).tolist() == [[1.0, 0.0], [0.25, 0.75]]


@pytest.mark.parametrize(
    ("system", "class_weights"), [("mfsn", True), ("acoustic", False), ("classical", True)]
)
def test_soft_labels_train_and_are_never_scored(toy: Any, system: Any, class_weights: bool) -> None:
    optimisation = QUICK.model_copy(update={"class_weights": class_weights})
    search = SearchConfig(mode="bilevel")
    manifest = softened(toy)
    experiment = toy(manifest=manifest, system=system, optimisation=optimisation, search=search)
    lines: list[str] = []
    run_search(experiment, 1, lines.append)
    run_train(experiment, 1, lines.append)
    tested = set(read_table(experiment.outputs.segment_predictions)["utterance_id"])
    soft = set(manifest.loc[manifest["soft_label"].notna(), "utterance_id"])
    assert not tested & soft
    assert all(soft & set(fold.train) and not soft & set(fold.dev) for fold in experiment.folds)


def test_networks_learn_the_shares(toy: Any) -> None:
    """Other shares of the same class with most votes are another thing to learn."""
    results = []
    for number, share in enumerate((1.0, 0.5)):
        manifest = softened(toy)
        shares = json.dumps({"loud": share, "calm": 1 - share})
        own = manifest["soft_label"].notna()
        manifest = manifest.assign(soft_label=manifest["soft_label"].where(~own, shares))
        experiment = toy(
            manifest=manifest, system="acoustic", optimisation=QUICK, folder=str(number)
        )
        lines: list[str] = []
        run_train(experiment, 1, lines.append)
        history = experiment.outputs.models / "ses0-seed0" / "history.json"
        results.append(json.loads(history.read_text())[0]["train_loss"])
    assert results[0] != results[1]
