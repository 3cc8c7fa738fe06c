"""Extractors that were trained per fold: the units of a fold read the rows of that fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from mfsn.errors import CacheError, MissingRowError
from mfsn.models.inputs import MFCC
from mfsn.runs.unit import Unit
from mfsn.store.digest import Digest
from mfsn.store.reader import FeatureReader
from mfsn.store.store import Store
from mfsn.systems.networks.fits import NetworkFits
from mfsn.training.config import OptimisationConfig
from mfsn.training.data.loading import load_data
from mfsn.training.plan_units import plan_units
from mfsn.training.results import WEIGHTS

TEC = ("tec", "last")
FOLDS = ("ses0", "ses1", "ses2")
QUICK = OptimisationConfig(epochs=1, batch_size=8, lr=0.01)


def trained_per_fold(
    experiment: Any, folds: Collection[str] = FOLDS, missing: Collection[str] = ()
) -> Any:
    """The experiment with TEC of every fold: its number; in the store but for those missing."""
    whole = Digest.read(experiment.outputs.digest("tec"))
    ids, rows, (array,) = list(whole.rows), {}, whole.arrays
    for fold in folds:
        keys = {name: whole.spec.row_key(f"{fold}{name}", 0) for name in ids}
        rows[fold] = keys
        if fold not in missing:
            block = np.full((len(ids), *array.shape), int(fold[-1]), np.float16)
            with Store(experiment.store, whole.spec).writer() as writer:
                writer.append(list(keys.values()), {array.name: block})
    Digest.of(whole.spec, whole.about, {}, rows).write(experiment.outputs.digest("tec"))
    return replace(experiment)  # which has read nothing yet


def units_of(experiment: Any) -> dict[str, Unit]:
    return {unit.fold.name: unit for unit in plan_units(experiment, "train", "model.json")}


@pytest.mark.parametrize("streaming", [False, True])
def test_every_fold_has_its_own_rows_and_shares_the_others(toy: Any, streaming: bool) -> None:
    experiment = trained_per_fold(toy(system="sec_tec"))
    data = load_data(experiment, "cpu", streaming)
    assert TEC not in data.rows.columns
    for number, fold in enumerate(FOLDS):
        own = data.of_fold(fold).rows
        features = own.features(torch.tensor([0, 5]))
        assert (features[TEC] == number).all()
        assert (features.lengths[TEC] == data.rows.lengths["sec", "high"][[0, 5]]).all()
        assert own.columns[MFCC] is data.rows.columns[MFCC]
        assert own.reading is data.rows.reading
    assert data.shapes[TEC] == (5, 4)


def test_what_has_no_fold_is_read_once_for_all_units(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = trained_per_fold(toy(system="sec_tec"))
    read: list[str] = []
    original = FeatureReader.read

    def noting(self: FeatureReader, ids: Any, arrays: Any = None) -> Any:
        read.extend([self.digest.extractor] * len(ids))
        return original(self, ids, arrays)

    monkeypatch.setattr(FeatureReader, "read", noting)
    data = load_data(experiment, "cpu")
    shared = len(read)
    assert "tec" not in read
    for fold in ("ses0", "ses0", "ses1"):
        data.of_fold(fold)
    assert set(read[shared:]) == {"tec"}
    segments = len(experiment.segments)
    assert 2 * segments <= len(read) - shared < 3 * segments  # the seeds of a fold share its rows


def test_without_folds_all_units_share_their_data(toy: Any) -> None:
    data = load_data(toy(), "cpu")
    assert data.of_fold("ses0") is data


def test_a_unit_trains_on_the_rows_of_its_fold_alone(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    experiment = toy(system="sec_tec", optimisation=QUICK)
    experiment = trained_per_fold(experiment, missing=["ses2"])
    do, units = NetworkFits(experiment, streaming=False).open(), units_of(experiment)
    weights = []
    for fold in ("ses0", "ses1"):
        do(units[fold])
        weights.append((units[fold].folder / WEIGHTS).read_bytes())
    with pytest.raises(MissingRowError, match="not in"):
        do(units["ses2"])
    digest = Digest.read(experiment.outputs.digest("tec"))
    for number, fold in enumerate(("ses0", "ses1")):
        replace(digest, rows=digest.folds[fold], folds={}).write(experiment.outputs.digest("tec"))
        alone = replace(experiment)
        unit = units_of(alone)[fold]
        NetworkFits(alone, streaming=False).open()(unit)
        assert (unit.folder / WEIGHTS).read_bytes() == weights[number]


def test_units_are_known_by_the_rows_of_their_fold(toy: Any) -> None:
    experiment = trained_per_fold(toy(system="sec_tec"))
    before = {name: unit.run for name, unit in units_of(experiment).items()}
    digest = Digest.read(experiment.outputs.digest("tec"))
    changed = {**digest.folds, "ses1": dict.fromkeys(digest.folds["ses1"], "0" * 64)}
    replace(digest, folds=changed).write(experiment.outputs.digest("tec"))
    after = {name: unit.run for name, unit in units_of(replace(experiment)).items()}
    assert {name for name in FOLDS if before[name] != after[name]} == {"ses1"}


def test_units_that_read_nothing_of_a_fold_do_not_depend_on_its_rows(toy: Any) -> None:
    experiment = toy(system="coattention")
    before = {name: unit.run for name, unit in units_of(experiment).items()}
    again = trained_per_fold(experiment)
    assert {name: unit.run for name, unit in units_of(again).items()} == before


def test_a_fold_without_rows_is_named(toy: Any) -> None:
    experiment = trained_per_fold(toy(system="sec_tec"), folds=("ses0", "ses2"))
    said = "tec has no rows for fold ses1, only for ses0, ses2; run `dvc repro` to make them"
    with pytest.raises(CacheError, match=said):
        plan_units(experiment, "train", "model.json")
    with pytest.raises(CacheError, match=said):
        load_data(experiment, "cpu").of_fold("ses1")
