"""The search stage on toy data: outputs, leaks, resuming, refitting, sanity."""

from __future__ import annotations

import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mfsn.errors import CacheError, ConfigError, TrainingError
from mfsn.manifest import UTTERANCES, write_table
from mfsn.models.inputs import MFCC
from mfsn.runs.unit import Unit
from mfsn.store.gc.fit_folders import fit_folders
from mfsn.systems.search import RESULT, run_search
from mfsn.systems.searching.architecture import architecture_of
from mfsn.training import fit
from mfsn.training.config import OptimisationConfig, SearchConfig, SelectionConfig
from mfsn.training.data.fold_data import Part, TrainingData
from mfsn.training.data.labels import Label
from mfsn.training.data.loading import load_data
from mfsn.training.data.rows import Rows
from mfsn.training.fold_training import Trained, train_on_fold
from mfsn.training.loop import Solver
from mfsn.training.plan_units import plan_units

QUICK = OptimisationConfig(epochs=2, batch_size=16, lr=0.01)
THREE_EPOCHS = QUICK.model_copy(update={"epochs": 3})


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def quiet(line: str) -> None:
    """Takes lines meant for the terminal."""


def first_unit(experiment: Any) -> Unit:
    return plan_units(experiment, "search", RESULT)[0]


def weights_of(trained: Trained) -> dict[str, bytes]:
    return {rule: path.read_bytes() for rule, path in trained.weights.items()}


def train_first(experiment: Any, data: TrainingData | None = None) -> dict[str, bytes]:
    unit = first_unit(experiment)
    return weights_of(train_on_fold(unit, experiment, data or load_data(experiment, "cpu")))


def test_a_search_writes_a_genotype_weights_and_history_a_unit(toy: Any) -> None:
    experiment = toy(optimisation=QUICK, selection=SelectionConfig(compare=("last_epoch",)))
    lines: list[str] = []
    run_search(experiment, 1, lines.append)
    folder = experiment.outputs.search / "ses1-seed0"
    assert sorted(path.name for path in folder.iterdir()) == [
        "genotype.json", "held_out.safetensors", "history.json", "last_epoch.safetensors",
    ]  # fmt: skip
    genotype = json.loads((folder / "genotype.json").read_text())
    (cell,) = genotype["cells"]
    assert math.isclose(sum(cell["weights"]), 1, rel_tol=1e-6)
    assert cell["chosen"] == genotype["operations"][cell["weights"].index(max(cell["weights"]))]
    entropy = -sum(w * math.log(w) for w in cell["weights"])
    assert math.isclose(cell["entropy"], entropy, rel_tol=1e-5)
    assert genotype["speakers"] == {
        "test": ["spk10", "spk11"], "dev": ["spk20", "spk21"], "train": ["spk00", "spk01"],
    }  # fmt: skip
    assert genotype["selected"]["last_epoch"] == {"epoch": 2, "level": "high"}
    history = json.loads((folder / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert set(history[0]["dev"]) == {"low", "mid", "high"}
    assert "test" not in history[0]
    assert sum(history[0]["levels_drawn"].values()) == 1  # 16 segments, one batch
    assert history[genotype["epoch"] - 1]["alpha_weights"] == [cell["weights"]]
    assert len(lines) == 4
    assert lines[1].startswith("fold ses1, seed 0: epoch ")


def test_a_finished_search_is_not_run_again(toy: Any) -> None:
    experiment = toy(optimisation=QUICK)
    run_search(experiment, 1, quiet)
    before = content(experiment.outputs.search)
    lines: list[str] = []
    run_search(replace(experiment), 1, lines.append)
    assert lines == ["search: 3 units, 0 computed now, 3 from before"]
    assert content(experiment.outputs.search) == before
    assert not list(experiment.store.rglob("state.pt"))


@pytest.mark.parametrize("system", ["sec_tec", "coattention", "acoustic", "classical"])
def test_where_nothing_is_searched_it_says_so(toy: Any, system: str) -> None:
    experiment = toy(system=system)
    run_search(experiment, 1, quiet)
    assert set(content(experiment.outputs.search)) == {"search.json"}
    summary = json.loads((experiment.outputs.search / "search.json").read_text())
    assert summary == {"schema": 1, "system": system, "searched": False, "units": []}


def genotype_of(experiment: Any, unit: str = "ses0-seed0") -> Any:
    return json.loads((experiment.outputs.search / unit / RESULT).read_text())


def test_given_operations_are_trained_without_a_search(toy: Any) -> None:
    search = SearchConfig(mode="fixed", operations=("concat_fc_r",), levels=("mid", "low"))
    experiment = toy(optimisation=THREE_EPOCHS, search=search)
    run_search(experiment, 1, quiet)
    genotype = genotype_of(experiment)
    assert [cell["chosen"] for cell in genotype["cells"]] == ["concat_fc_r"]
    assert genotype["levels"] == ["low", "mid"]
    history = json.loads((experiment.outputs.search / "ses0-seed0" / "history.json").read_text())
    assert all(set(entry["dev"]) == {"low", "mid"} for entry in history)
    assert all(set(entry["levels_drawn"]) <= {"low", "mid"} for entry in history)
    assert all(entry["entropy"] == [0.0] for entry in history)


def test_random_genotypes_differ_between_units_and_come_again(toy: Any) -> None:
    experiment = toy(optimisation=QUICK, search=SearchConfig(mode="random"), seeds=(0, 1, 2))
    units = plan_units(experiment, "search", RESULT)
    levels = ("low", "mid", "high")
    drawn = [architecture_of(unit, experiment.search, 2, levels) for unit in units]
    assert drawn == [architecture_of(unit, experiment.search, 2, levels) for unit in units]
    assert len({space.operations for space in drawn}) > 1
    assert len({space.levels for space in drawn}) > 1
    assert all(len(space.operations or ()) == 2 and len(space.levels) == 1 for space in drawn)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"levels": ("deep",)}, r"search.levels names deep.*choose from low, mid, high"),
        ({"mode": "fixed", "operations": ("sum", "zero")}, r"names 2 operations for 1 cells"),
    ],
)
def test_a_space_that_is_not_there_is_refused(
    toy: Any, values: dict[str, Any], sentence: str
) -> None:
    experiment = toy(optimisation=QUICK, search=SearchConfig(**values))
    with pytest.raises(ConfigError, match=sentence):
        run_search(experiment, 1, quiet)


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "fixed"},
        {"mode": "joint", "operations": ["sum"]},
        {"mode": "random", "levels": ["low"]},
        {"mode": "fixed", "operations": ["add"]},
    ],
)
def test_contradicting_parameters_of_the_search_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"operations|levels"):
        SearchConfig.parse(values, where="test")


def test_folders_of_finished_units_are_in_use_until_their_stage_ends(toy: Any) -> None:
    """It copies what they hold when the last unit is finished, maybe weeks after the first one."""
    experiment = toy(optimisation=QUICK)
    run_search(experiment, 1, quiet)
    first, *others = (unit.folder for unit in plan_units(experiment, "search", RESULT))
    for folder in others:
        (folder / RESULT).unlink()
    unused = []

    def look_and_age(_: str = "") -> None:
        unused.append(first in [fit.path for fit in fit_folders(experiment.store, 1000)[0]])
        for path in first.iterdir():
            os.utime(path, (1, 1))

    look_and_age()
    run_search(experiment, 1, look_and_age)
    assert unused == [False] * 4


class Killed(BaseException):
    """What a test throws where a kill would strike."""


def rising_scores(
    network: Any, rows: Rows, part: Part, levels: tuple[str, ...], where: str
) -> dict[str, dict[str, float]]:
    """Scores as `evaluate` gives them, each epoch better than the one before."""
    epoch = int(where.partition("epoch ")[2].partition(",")[0])
    return {level: {"loss": 0.0, "ua": epoch / 10, "wa": epoch / 10} for level in levels}


@pytest.mark.parametrize(("epochs_before", "refit"), [(1, False), (2, False), (2, True), (4, True)])
def test_a_killed_training_ends_with_the_same_bytes(
    toy: Any, monkeypatch: pytest.MonkeyPatch, epochs_before: int, refit: bool
) -> None:
    if refit:  # the last epoch is the best: the refit has three epochs too
        monkeypatch.setattr(fit, "evaluate", rising_scores)
    whole, halved = (
        toy(optimisation=THREE_EPOCHS, code={"run": name}) for name in ("whole", "halved")
    )
    selection = SelectionConfig(refit=refit, rule="held_out")
    whole, halved = replace(whole, selection=selection), replace(halved, selection=selection)
    data = load_data(whole, "cpu")
    expected = train_on_fold(first_unit(whole), whole, data)
    assert len(expected.refit_history) == (3 if refit else 0)
    epochs: list[int] = []
    original = Solver.epoch

    def killed(self: Any, part: Part, alpha: Part | None = None) -> Any:
        if len(epochs) == epochs_before:
            raise Killed
        epochs.append(1)
        return original(self, part, alpha)

    with monkeypatch.context() as patch:
        patch.setattr(Solver, "epoch", killed)
        with pytest.raises(Killed):
            train_on_fold(first_unit(halved), halved, data)
    counted: list[int] = []

    def counting(self: Any, part: Part, alpha: Part | None = None) -> Any:
        counted.append(1)
        return original(self, part, alpha)

    torch.manual_seed(12345)  # another process would stand elsewhere
    monkeypatch.setattr(Solver, "epoch", counting)
    found = train_on_fold(first_unit(halved), halved, data)
    assert weights_of(found) == weights_of(expected)
    assert (found.history, found.refit_history) == (expected.history, expected.refit_history)
    total = len(expected.history) + len(expected.refit_history)
    assert len(counted) == total - epochs_before


def test_a_damaged_state_is_left_aside_and_the_search_begins_again(
    toy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = toy(optimisation=QUICK)
    state = first_unit(experiment).folder / "work" / "selection" / "state.pt"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"PK\x03\x04 nonsense")
    run_search(experiment, 1, quiet)
    assert [m for m in caplog.messages if "damaged" in m] == [
        f"{state} is damaged and is now state.damaged; this training begins again"
    ]
    assert not state.parent.exists()
    found = content(experiment.outputs.search)
    shutil.rmtree(experiment.store / "runs")
    run_search(experiment, 1, quiet)
    assert content(experiment.outputs.search) == found


def test_finished_fits_are_believed_only_if_no_bit_is_flipped(
    toy: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever file of a unit is damaged, its seal too: the outputs are those of a sound store."""
    experiment = toy(optimisation=QUICK)
    run_search(experiment, 1, quiet)
    expected = content(experiment.outputs.search)
    unit, rng = first_unit(experiment), np.random.default_rng(0)
    files = sorted(path for path in unit.folder.iterdir() if path.name != ".lock")
    assert {".seal", "genotype.json", "history.json"} <= {path.name for path in files}
    for path in files:
        data = bytearray(path.read_bytes())
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        caplog.clear()
        lines: list[str] = []
        run_search(experiment, 1, lines.append)
        assert lines[-1] == "search: 3 units, 1 computed now, 2 from before"
        assert content(experiment.outputs.search) == expected
        assert [m for m in caplog.messages if "damaged" in m] == [
            f"{unit.label}: the results in {unit.folder} are damaged; it is fitted again"
        ]


def garbage(data: TrainingData, ids: tuple[str, ...]) -> TrainingData:
    """The same data with NaN for the features of utterances, and their labels turned round."""
    own = data.part(ids).rows_N

    def spoil(rows: Any) -> Any:
        return rows.index_fill(0, own, math.nan)

    spoilt = {source: spoil(column) for source, column in data.rows.columns.items()}
    labels = {
        name: other_class(label) if name in ids else label for name, label in data.labels.items()
    }
    return replace(data, rows=replace(data.rows, columns=spoilt), labels=labels)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"search": SearchConfig(mode="bilevel")},
        {"selection": SelectionConfig(refit=True)},
        {"selection": SelectionConfig(compare=("last_epoch",))},
        {"optimisation": QUICK.model_copy(update={"class_weights": True, "shuffle_labels": True})},
    ],
)
def test_nothing_of_the_test_fold_reaches_the_model(toy: Any, change: dict[str, Any]) -> None:
    whole = toy(**{"optimisation": QUICK} | change)
    spoilt = replace(whole, code={"run": "with NaN"})
    data = load_data(whole, "cpu")
    test = first_unit(whole).fold.test
    assert train_first(spoilt, garbage(data, test)) == train_first(whole, data)


def test_renamed_test_speakers_reach_the_output_without_a_search(toy: Any) -> None:
    experiment = toy(optimisation=QUICK)
    run_search(experiment, 1, quiet)
    table = experiment.manifest.copy()
    own = table["utterance_id"].isin(first_unit(experiment).fold.test)
    table["speaker"] = table["speaker"].where(~own, "new" + table["speaker"])
    write_table(experiment.outputs.manifest, table, UTTERANCES)
    lines: list[str] = []
    run_search(replace(experiment), 1, lines.append)
    assert lines[-1] == "search: 3 units, 2 computed now, 1 from before"
    genotype = json.loads((experiment.outputs.search / "ses0-seed0" / RESULT).read_text())
    assert genotype["speakers"] == {
        "test": ["newspk00", "newspk01"], "dev": ["spk10", "spk11"], "train": ["spk20", "spk21"],
    }  # fmt: skip


def test_bilevel_search_without_a_class_for_alpha_is_refused(toy: Any) -> None:
    experiment = toy(search=SearchConfig(mode="bilevel"))
    table = experiment.manifest.copy()
    table.loc[table["speaker"] == "spk20", "emotion"] = "loud"  # one of two who train first
    write_table(experiment.outputs.manifest, table, UTTERANCES)
    with pytest.raises(TrainingError, match=r"fold ses0, seed 0: .* holds no utterance of calm"):
        train_first(replace(experiment))


def test_under_oracle_test_the_test_fold_does_matter(toy: Any) -> None:
    experiment = toy(optimisation=QUICK, selection=SelectionConfig(rule="oracle_test"))
    test = first_unit(experiment).fold.test
    with pytest.raises(TrainingError, match="fold ses0, seed 0, epoch 1, test, level low"):
        train_first(experiment, garbage(load_data(experiment, "cpu"), test))


def other_class(label: Label) -> int:
    """The other one of two classes."""
    assert isinstance(label, int)
    return 1 - label


def test_development_data_chooses_but_does_not_train(toy: Any) -> None:
    experiment = toy(optimisation=QUICK, selection=SelectionConfig(rule="last_epoch"))
    data = load_data(experiment, "cpu")
    labels = dict(data.labels)
    labels |= {name: other_class(labels[name]) for name in first_unit(experiment).fold.dev}
    turned = replace(experiment, code={"run": "other labels"})
    assert train_first(turned, replace(data, labels=labels)) == train_first(experiment, data)


def test_features_that_are_not_finite_stop_training_by_name(toy: Any) -> None:
    experiment = toy(optimisation=QUICK)
    data = load_data(experiment, "cpu")
    own = data.part(first_unit(experiment).fold.train[:1]).rows_N
    columns: dict[Any, Any] = dict(data.rows.columns)
    columns[MFCC] = columns[MFCC].index_fill(0, own, math.nan)
    rows = replace(data.rows, columns=columns)
    with pytest.raises(TrainingError, match="fold ses0, seed 0, epoch 1, train: a loss"):
        train_first(experiment, replace(data, rows=rows))


def test_comparing_rules_does_not_change_the_main_model(toy: Any) -> None:
    alone = toy(optimisation=QUICK)
    compared = replace(alone, selection=SelectionConfig(compare=("oracle_test", "last_epoch")))
    data = load_data(alone, "cpu")
    assert train_first(compared, data)["held_out"] == train_first(alone, data)["held_out"]


def test_refit_trains_on_development_data_for_the_chosen_epochs(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "evaluate", rising_scores)
    experiment = toy(optimisation=THREE_EPOCHS, selection=SelectionConfig(refit=True))
    data = load_data(experiment, "cpu")
    unit = first_unit(experiment)
    trained = train_on_fold(unit, experiment, data)
    assert len(trained.refit_history) == trained.choices["held_out"].epoch == 3
    assert all("dev" not in entry for entry in trained.refit_history)
    rows = len(data.part(unit.fold.train + unit.fold.dev).rows_N)
    for entry in trained.refit_history:
        assert sum(entry["levels_drawn"].values()) == math.ceil(rows / THREE_EPOCHS.batch_size)


def test_last_epoch_at_an_unknown_level_is_refused(toy: Any) -> None:
    experiment = toy(selection=SelectionConfig(rule="last_epoch", level="top"))
    with pytest.raises(ConfigError, match=r"selection\.level is top, .*one of low, mid, high"):
        train_first(experiment)


def last_ua(experiment: Any) -> float:
    trained = train_on_fold(first_unit(experiment), experiment, load_data(experiment, "cpu"))
    return float(trained.history[-1]["dev"]["high"]["ua"])


def test_a_network_learns_and_does_not_when_labels_are_shuffled(toy: Any) -> None:
    longer = OptimisationConfig(epochs=10, patience=10, batch_size=8, lr=0.01)
    shuffled = longer.model_copy(update={"shuffle_labels": True})
    assert last_ua(toy(separation=6.0, optimisation=longer)) == 1.0
    assert last_ua(toy(separation=6.0, optimisation=shuffled)) == 0.5


def test_a_store_that_goes_away_is_not_written_anew(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a share leaves behind when it is unmounted is an empty folder."""
    experiment = toy()
    unit, data, epoch = first_unit(experiment), load_data(experiment, "cpu"), Solver.epoch

    def unmount_then_train(*arguments: Any) -> Any:
        if experiment.store.is_dir():
            experiment.store.rename(tmp_path / "away")
        return epoch(*arguments)

    monkeypatch.setattr(Solver, "epoch", unmount_then_train)
    with pytest.raises(CacheError, match=r"cannot be reached .* bring the folder back"):
        train_on_fold(unit, experiment, data)
    assert not experiment.store.exists()
