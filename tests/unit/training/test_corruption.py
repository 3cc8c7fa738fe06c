"""TEC replaced at a rate: which utterances, by what, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor

from mfsn.errors import ConfigError, TrainingError
from mfsn.params import Params
from mfsn.protocols.fold import Fold
from mfsn.runs.unit import Unit
from mfsn.systems.search import run_search
from mfsn.systems.train import run_train
from mfsn.training.config import (
    CorruptionConfig,
    OptimisationConfig,
    SelectionConfig,
)
from mfsn.training.data.corruption import corrupted_rows, replaced
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.data.loading import load_data
from mfsn.training.plan_units import plan_units
from mfsn.training.system import get_system

KINDS = ("noise", "other_utterance", "zeros")
SPLITS = ("train", "dev", "test")
FRAMES = 5
TEC = ("tec", "last")


def unit_of(experiment: Any) -> Unit:
    return plan_units(experiment, "train", "x")[0]


def tec(experiment: Any, data: TrainingData) -> Tensor:
    """TEC of all segments as the network reads it."""
    rows = corrupted_rows(unit_of(experiment), experiment, data)
    (batch,) = rows.batches([(torch.arange(len(data.segments)), None)])
    return batch[TEC]


def rows_of(data: TrainingData, ids: Any) -> Tensor:
    return torch.from_numpy(data.segments["utterance_id"].isin(set(ids)).to_numpy(copy=True))


def test_the_utterances_of_a_rate_are_among_those_of_every_higher_one(toy: Any) -> None:
    unit = unit_of(toy())
    smaller: dict[str, set[str]] = {split: set() for split in SPLITS}
    for rate in (0.0, 0.25, 0.5, 1.0):
        found = replaced(unit, CorruptionConfig(kind="zeros", train=rate, test=rate))
        for split in SPLITS:
            assert smaller[split] <= set(found[split])
            assert len(found[split]) == round(rate * len(unit.fold.split(split)))
            smaller[split] = set(found[split])


def test_systems_lose_the_same_utterances_and_seeds_others(toy: Any) -> None:
    config = CorruptionConfig(kind="zeros", train=0.5, test=0.5)
    experiment = toy(seeds=(0, 1))
    first, second, *_ = plan_units(experiment, "train", "x")
    other = plan_units(replace(experiment, system=get_system("sec_tec")), "train", "x")[0]
    assert replaced(first, config) == replaced(other, config)
    assert replaced(first, config) != replaced(second, config)


def test_development_data_follow_the_rate_of_training(toy: Any) -> None:
    unit = unit_of(toy())
    found = replaced(unit, CorruptionConfig(kind="zeros", test=1.0))
    assert [len(found[split]) for split in SPLITS] == [0, 0, len(unit.fold.test)]
    found = replaced(unit, CorruptionConfig(kind="zeros", train=1.0))
    assert [len(found[split]) for split in ("dev", "test")] == [len(unit.fold.dev), 0]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_only_tec_of_the_chosen_utterances_changes(toy: Any, kind: Any, streaming: bool) -> None:
    experiment = toy(corruption=CorruptionConfig(kind=kind, train=0.5, test=0.25))
    data = load_data(experiment, "cpu", streaming)
    unit, everything = unit_of(experiment), torch.arange(len(data.segments))
    found = replaced(unit, experiment.corruption)
    chosen_N = rows_of(data, [name for pairs in found.values() for name in pairs])
    before, after = data.rows.features(everything), tec(experiment, data)
    assert 0 < chosen_N.sum() < len(chosen_N)
    assert ((after != before[TEC]).any(dim=(1, 2)) == chosen_N).all()
    assert torch.equal(after, tec(experiment, data))  # whenever it is asked for
    corrupted = corrupted_rows(unit, experiment, data)
    now = corrupted.features(torch.tensor([7, 3]))
    assert len(now.arrays) == 7
    for source, rows in now.arrays.items():
        assert torch.equal(rows, (after if source == TEC else before[source])[[7, 3]])


@pytest.mark.parametrize("kind", KINDS)
def test_streamed_rows_are_corrupted_as_those_in_memory(toy: Any, kind: Any) -> None:
    experiment = toy(corruption=CorruptionConfig(kind=kind, train=0.5, test=0.5))
    held, streamed = (tec(experiment, load_data(experiment, "cpu", s)) for s in (False, True))
    assert torch.equal(held, streamed)


def test_zeros_are_zeros(toy: Any) -> None:
    experiment = toy(corruption=CorruptionConfig(kind="zeros", test=1.0))
    data = load_data(experiment, "cpu")
    assert not tec(experiment, data)[rows_of(data, unit_of(experiment).fold.test)].any()


def test_another_utterance_lends_its_frames_again_and_again(toy: Any) -> None:
    experiment = toy(corruption=CorruptionConfig(kind="other_utterance", train=1.0, test=1.0))
    data = load_data(experiment, "cpu")
    after, ids = tec(experiment, data), data.segments.set_index("segment_id")
    cached = data.rows.features(torch.arange(len(ids)))[TEC]
    place = {name: row for row, name in enumerate(ids.index)}
    lengths = set()
    for pairs in replaced(unit_of(experiment), experiment.corruption).values():
        for name, other in pairs.items():
            for index in (i for i in range(2) if f"{name}#{i}" in place):
                lender = f"{other}#{index}" if f"{other}#{index}" in place else f"{other}#0"
                valid = 5 if ids.loc[lender, "valid_samples"] == 400 else 3  # of 200: ceil(2.5)
                expected = [cached[place[lender], t % valid] for t in range(FRAMES)]
                assert torch.equal(after[place[f"{name}#{index}"]], torch.stack(expected))
                lengths.add((index, lender[-2:], valid))
    assert len(lengths) == 3  # longer, shorter, and as long


def test_padding_is_lent_too_where_padding_counts(toy: Any) -> None:
    corruption = CorruptionConfig(kind="other_utterance", train=1.0, test=1.0)
    experiment = toy(corruption=corruption)
    unmasked = replace(experiment, model=experiment.model.model_copy(update={"mask": "none"}))
    data = load_data(experiment, "cpu")
    cached = data.rows.features(torch.arange(len(data.segments)))[TEC]
    whole = {row.numpy().tobytes() for row in cached}
    assert {row.numpy().tobytes() for row in tec(unmasked, data)} <= whole
    assert not {row.numpy().tobytes() for row in tec(experiment, data)} <= whole


def test_noise_has_mean_and_spread_of_training_speech(toy: Any) -> None:
    experiment = toy(separation=3.0, corruption=CorruptionConfig(kind="noise", test=1.0))
    data, unit = load_data(experiment, "cpu"), unit_of(experiment)
    cached, valid = data.rows.columns[TEC], data.segments["valid_samples"]
    assert isinstance(cached, Tensor)
    speech = [
        cached[row, : 5 if valid[int(row)] == 400 else 3].float()
        for row in data.part(unit.fold.train).rows_N
    ]
    noise = tec(experiment, data)[rows_of(data, unit.fold.test)]
    assert len({row.numpy().tobytes() for row in noise}) == len(noise)
    pool = corrupted_rows(unit, experiment, data).columns[TEC].pool_PD.float()  # type: ignore[union-attr]
    expected = torch.cat(speech)
    assert torch.allclose(pool.mean(0), expected.mean(0), atol=0.06)
    assert torch.allclose(pool.std(0), expected.std(0, correction=0), rtol=0.03)
    assert not (set(noise.flatten().tolist()) - set(pool.flatten().tolist()))


def test_no_frame_of_noise_is_met_in_two_splits(toy: Any) -> None:
    experiment = toy(corruption=CorruptionConfig(kind="noise", train=1.0, test=1.0))
    data = load_data(experiment, "cpu")
    fold, noise = unit_of(experiment).fold, tec(experiment, data)
    frames = [
        {frame.numpy().tobytes() for frame in noise[rows_of(data, fold.split(s))].flatten(0, 1)}
        for s in SPLITS
    ]
    assert not (frames[0] & frames[1] or frames[0] & frames[2] or frames[1] & frames[2])


@pytest.mark.parametrize("kind", KINDS)
def test_training_sees_nothing_of_development_and_test_tec(toy: Any, kind: Any) -> None:
    experiment = toy(corruption=CorruptionConfig(kind=kind, train=0.5, test=0.5))
    data = load_data(experiment, "cpu")
    train_N = rows_of(data, unit_of(experiment).fold.train)
    cached = data.rows.columns[TEC]
    assert isinstance(cached, Tensor)
    elsewhere = torch.where(train_N[:, None, None], cached, 77)
    columns = {**data.rows.columns, TEC: elsewhere}
    other = replace(data, rows=replace(data.rows, columns=columns))
    assert torch.equal(tec(experiment, data)[train_N], tec(experiment, other)[train_N])
    assert not (tec(experiment, other)[train_N] == 77).any()


def test_a_search_serves_all_rates_of_the_test(toy: Any) -> None:
    experiment = toy()
    oracle = SelectionConfig(compare=("oracle_test",))

    def runs(stage: Any, change: dict[str, Any], **corruption: Any) -> list[str]:
        changed = replace(experiment, corruption=CorruptionConfig(**corruption), **change)
        return [unit.run for unit in plan_units(changed, stage, "x")]

    clean, tested = {"kind": "noise"}, {"kind": "zeros", "test": 0.5}
    assert runs("search", {}) == runs("search", {}, **clean) == runs("search", {}, **tested)
    assert runs("train", {}) == runs("train", {}, **clean) != runs("train", {}, **tested)
    assert runs("search", {}) != runs("search", {}, kind="zeros", train=0.5)
    watching = {"selection": oracle}
    assert runs("search", watching) != runs("search", watching, **tested)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_corruption_of_the_test_changes_scores_and_no_model(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    quick = OptimisationConfig(epochs=2, batch_size=8, lr=0.01)
    wide = toy().model.model_copy(update={"projection": 16, "hidden": 16})  # no dead ReLU
    results = {}
    for name, corruption in (
        ("clean", CorruptionConfig()),
        ("test", CorruptionConfig(kind="noise", test=1.0)),
        ("train", CorruptionConfig(kind="noise", train=1.0)),
    ):
        experiment = toy(optimisation=quick, folder=name, corruption=corruption, model=wide)
        lines: list[str] = []
        run_search(experiment, 1, lines.append)
        run_train(experiment, 1, lines.append)
        assert lines[-1].startswith("train: 3 units, 3 computed now")
        assert any("0 computed now" in line for line in lines) == (name == "test")
        results[name] = content(experiment.outputs.results)
    weights = [name for name in results["clean"] if name.endswith(".safetensors")]
    predictions = "segment_predictions.parquet"
    assert all(results["clean"][name] == results["test"][name] for name in weights)
    assert all(results["clean"][name] != results["train"][name] for name in weights)
    assert results["clean"][predictions] != results["test"][predictions]
    assert b'"kind": "noise"' in results["test"]["models/run.json"]


def test_one_utterance_has_no_other(toy: Any) -> None:
    unit = unit_of(toy())
    fold = unit.fold
    alone = replace(
        unit, fold=Fold(fold.name, fold.train, fold.dev, fold.test[:1], fold.speaker_independent)
    )
    config = CorruptionConfig(kind="other_utterance", test=1.0)
    with pytest.raises(TrainingError, match="the test data are one utterance, so that there is no"):
        replaced(alone, config)
    assert replaced(alone, config.model_copy(update={"kind": "zeros"}))


def test_corruption_without_tec_is_refused_in_a_sentence(checkout: Path) -> None:
    values = yaml.safe_load((checkout / "params.yaml").read_text())
    values["corruption"] = {"kind": "noise", "train": 0.5, "test": 0.0}
    Params.parse(values | {"system": "sec_tec"}, "params.yaml")
    for system in ("coattention", "acoustic", "classical"):
        with pytest.raises(ConfigError, match=f"TEC, which system {system} does not read; set"):
            Params.parse(values | {"system": system}, "params.yaml")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"kind": "none", "test": 0.5}, "kind: none replaces nothing"),
        ({"kind": "noise", "train": 1.5}, "train is 1.5"),
        ({"kind": "pink"}, "kind is .pink.; it takes none"),
        ({"kind": "noise", "rate": 0.5}, "rate is not a parameter"),
    ],
)
def test_nonsense_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CorruptionConfig.parse(values, "params.yaml: corruption")
