"""System `probe`: one linear model a SEC level, of which development speakers choose."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.corpora.config import LabelsConfig
from mfsn.errors import TrainingError
from mfsn.runs.unit import Unit
from mfsn.systems.linear.fits import Vectors
from mfsn.systems.linear.model import LinearModel
from mfsn.systems.linear.probe import ProbeFits
from mfsn.systems.linear.probe_model import segment_means, utterance_means
from mfsn.systems.train import run_train
from mfsn.training.config import ClassicalConfig, OptimisationConfig, SelectionConfig
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units

GRID = ClassicalConfig(c_grid=(0.01, 1.0))


@pytest.fixture
def probing(toy: Any) -> Experiment:
    experiment: Experiment = toy(system="probe", separation=0.3)
    return experiment


def first_unit(experiment: Experiment) -> Unit:
    return plan_units(experiment, "train", "model.json")[0]


def load_means(experiment: Experiment) -> Vectors:
    return ProbeFits(experiment, streaming=False).load()


def made(experiment: Experiment, data: Vectors, config: ClassicalConfig = GRID) -> Path:
    unit = first_unit(experiment)
    ProbeFits(replace(experiment, classical=config), streaming=False).fit(unit, data)
    return unit.folder


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def garbled(data: Vectors, ids: tuple[str, ...]) -> Vectors:
    """Vectors and labels of some utterances replaced by what nothing should learn from."""
    index = [data.position[name] for name in ids]
    levels = {level: rows.copy() for level, rows in data.levels.items()}
    for rows in levels.values():
        rows[index] = 1e6
    labels = {name: 0 if name in ids else label for name, label in data.labels.items()}
    return replace(data, levels=levels, labels=labels)


@pytest.mark.parametrize("refit", [False, True])
def test_test_speakers_reach_neither_model_nor_choice(probing: Experiment, refit: bool) -> None:
    experiment = replace(probing, selection=SelectionConfig(refit=refit))
    data, fold = load_means(experiment), first_unit(experiment).fold
    kept = ("model.safetensors", "model.json", "history.json")
    folder = made(experiment, data)
    clean = [(folder / name).read_bytes() for name in kept]
    described = read(folder, "levels.json")
    folder = made(experiment, garbled(data, fold.test))
    assert [(folder / name).read_bytes() for name in kept] == clean
    assert read(folder, "levels.json") != described
    folder = made(experiment, garbled(data, fold.train[:1]))
    assert [(folder / name).read_bytes() for name in kept] != clean


def test_development_speakers_only_choose_without_refit(probing: Experiment) -> None:
    data, fold = load_means(probing), first_unit(probing).fold
    single = ClassicalConfig(c_grid=(0.1,))
    one = replace(data, levels={"low": data.levels["low"]})  # nothing to choose
    clean = (made(probing, one, single) / "model.safetensors").read_bytes()
    folder = made(probing, garbled(one, fold.dev + fold.test), single)
    assert (folder / "model.safetensors").read_bytes() == clean


def test_level_and_c_are_the_best_on_development_data(probing: Experiment) -> None:
    folder = made(probing, load_means(probing))
    history, model = read(folder, "history.json"), read(folder, "model.json")
    merits = {
        (entry["c"], level): score["ua"] + score["wa"]
        for entry in history
        for level, score in entry["dev"].items()
    }
    assert merits[model["c"], model["level"]] == max(merits.values())
    assert "epoch" not in model
    assert "test" not in history[0]


def test_every_level_is_described_with_its_own_c(probing: Experiment) -> None:
    data = load_means(probing)
    folder = made(probing, data)
    described, history = read(folder, "levels.json"), read(folder, "history.json")
    assert "descriptive" in described["note"]
    assert [level["level"] for level in described["levels"]] == ["low", "mid", "high"]
    for level in described["levels"]:
        best = max(entry["dev"][level["level"]]["ua"] for entry in history)
        assert level["dev"]["ua"] == best
        assert 0 <= level["test"]["ua"] <= 1


def test_predictions_are_those_of_the_saved_model(probing: Experiment) -> None:
    data, unit = load_means(probing), first_unit(probing)
    folder = made(probing, data)
    saved = LinearModel.load(folder / "model.safetensors")
    expected = saved.log_posteriors(data.of(read(folder, "model.json")["level"], unit.fold.test))
    written = pd.read_parquet(folder / "predictions.parquet")
    assert written["utterance_id"].tolist() == list(unit.fold.test)
    assert np.array_equal(written.filter(like="log_posterior").to_numpy(), expected)


def test_a_segment_counts_by_its_real_audio(probing: Experiment) -> None:
    data, segments = load_means(probing), probing.segments
    rows = probing.reader("sec").read(segments["segment_id"].tolist(), ["mid"])["mid"]
    for name in segments["utterance_id"].unique()[:4]:
        total, frames = np.zeros(rows.shape[2]), 0
        for row, valid in segments.loc[segments["utterance_id"] == name, "valid_samples"].items():
            heard = -(-int(valid) * rows.shape[1] // 400)
            total += rows[row, :heard].astype(np.float64).mean(axis=0) * valid
            frames += valid
        assert np.allclose(data.of("mid", [name])[0], total / frames, atol=1e-6)


def test_stored_means_give_what_all_frames_give() -> None:
    rng = np.random.default_rng(0)
    hidden, valid = rng.normal(size=(5, 8, 3)).astype(np.float32), np.array([80, 30, 80, 1, 80])
    owner = np.array([0, 0, 1, 2, 2])
    means = segment_means(hidden, valid, 80)
    again = segment_means(means[:, None], valid, 80)
    assert np.array_equal(means, again)
    assert utterance_means(means, valid, owner).shape == (3, 3)


def test_only_means_are_held_in_memory(probing: Experiment) -> None:
    held = sum(rows.nbytes for rows in load_means(probing).levels.values())
    assert ProbeFits.held_bytes(probing.sizes) == held < probing.sizes.row_bytes


def test_the_whole_stage_runs_and_runs_again_from_before(
    probing: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        run_train(replace(probing, classical=GRID), jobs=1)
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "train: 3 units, 0 computed now, 3 from before"
    assert "level " in said[0]
    about = read(probing.outputs.models, "run.json")
    assert about["system"] == "probe"
    assert list(about["features"]) == ["sec"]


def test_shuffled_labels_are_learnt_instead(probing: Experiment) -> None:
    data = load_means(probing)
    shuffled = replace(probing, optimisation=OptimisationConfig(shuffle_labels=True))
    weights = [(made(e, data) / "model.safetensors").read_bytes() for e in (probing, shuffled)]
    assert weights[0] != weights[1]


def test_last_epoch_takes_its_level_and_c_from_the_parameters(probing: Experiment) -> None:
    selection = SelectionConfig(rule="last_epoch", level="mid")
    experiment = replace(probing, selection=selection)
    model = read(made(experiment, load_means(experiment)), "model.json")
    assert (model["level"], model["c"]) == ("mid", GRID.c)
    unknown = replace(probing, selection=SelectionConfig(rule="last_epoch", level="top"))
    with pytest.raises(TrainingError, match=r"selection.level is top, .* one of low, mid, high"):
        made(unknown, load_means(unknown))


def test_oracle_test_is_compared_and_changes_nothing(probing: Experiment) -> None:
    data = load_means(probing)
    clean = (made(probing, data) / "model.safetensors").read_bytes()
    compared = replace(probing, selection=SelectionConfig(compare=("oracle_test",)))
    folder = made(compared, data)
    assert (folder / "model.safetensors").read_bytes() == clean
    rules = pd.read_parquet(folder / "predictions.parquet")["selection"].unique()
    assert sorted(rules) == ["held_out", "oracle_test"]


def test_dimensions_are_predicted_by_ridge_regression(toy: Any) -> None:
    manifest = toy(folder="plain").manifest
    loud = (manifest["emotion"] == "loud").to_numpy(float)
    labels = LabelsConfig(
        classes=["calm", "loud"], target="dimensions", dimensions=["valence", "arousal"]
    )
    noise = np.random.default_rng(0).normal(size=len(manifest))
    table = manifest.assign(valence=noise, arousal=loud + 0.1 * noise)
    experiment = toy(system="probe", separation=2.0, manifest=table, labels=labels)
    folder = made(experiment, load_means(experiment))
    assert set(read(folder, "levels.json")["levels"][0]["test"]) >= {"ccc", "mse"}
    predicted = pd.read_parquet(folder / "predictions.parquet")
    assert np.corrcoef(predicted["predicted_arousal"], predicted["label_arousal"])[0, 1] > 0.8


def test_a_probe_of_a_single_level_says_which(probing: Experiment) -> None:
    data = load_means(probing)
    folder = made(probing, replace(data, levels={"high": data.levels["high"]}))
    assert read(folder, "model.json")["level"] == "high"
