"""Rows in memory and rows in the store: the same batches, and the time spent waiting for them."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mfsn.errors import CacheError, DamagedRowError
from mfsn.models.inputs import ACOUSTIC, LEVEL_DB, MFCC, UTTERANCE_MAX_DB
from mfsn.store.reader import FeatureReader
from mfsn.systems.networks.fits import NetworkFits
from mfsn.systems.search import run_search
from mfsn.systems.train import run_train
from mfsn.training.config import (
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
)
from mfsn.training.data.columns import Stopwatch, StoredArray
from mfsn.training.data.loading import load_data
from mfsn.training.data.memory import plan_memory
from mfsn.training.data.rows import BATCHES_AHEAD, Request, Rows, saying_share
from mfsn.training.plan_units import plan_units
from mfsn.training.system import get_system

QUICK = OptimisationConfig(epochs=2, batch_size=8, lr=0.01)
TINY = "0.000001"
"""GB: nothing fits."""


def requests() -> list[Request]:
    asked: list[Any] = [None, [LEVEL_DB], ACOUSTIC, None, [MFCC, LEVEL_DB]]
    return [(torch.tensor([47, i, 3]), sources) for i, sources in enumerate(asked)]


@pytest.mark.parametrize("system", ["mfsn", "acoustic"])
def test_rows_in_the_store_give_the_batches_of_rows_in_memory(toy: Any, system: str) -> None:
    experiment = toy(system=system)
    held, streamed = (load_data(experiment, "cpu", streaming) for streaming in (False, True))
    assert (held.rows.streams, streamed.rows.streams) == (False, True)
    assert held.shapes == streamed.shapes
    given = list(streamed.rows.batches(requests()))
    expected = [held.rows.features(*request) for request in requests()]
    for one, other, (_, asked) in zip(given, expected, requests(), strict=True):
        assert set(one.arrays) == set(other.arrays) == set(asked or held.shapes.shapes)
        assert set(one.lengths) == set(other.lengths) == set(one.arrays) - {UTTERANCE_MAX_DB}
        for source, rows in one.arrays.items():
            assert rows.dtype == torch.float32
            assert torch.equal(rows, other[source])
        for source, counted in one.lengths.items():
            assert counted.dtype == torch.int64
            assert torch.equal(counted, other.lengths[source])


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "change",
    [
        {"selection": SelectionConfig(compare=("oracle_test", "last_epoch"))},
        {"search": SearchConfig(mode="bilevel"), "selection": SelectionConfig(refit=True)},
        {"system": get_system("acoustic")},
    ],
)
def test_streaming_leaves_the_bytes_that_memory_leaves(
    toy: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], caplog: Any
) -> None:
    caplog.set_level("INFO", "mfsn")
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    results = {}
    for where, allowed in (("memory", "1"), ("store", TINY)):
        monkeypatch.setenv("MFSN_MEMORY", allowed)
        experiment = replace(toy(optimisation=QUICK, folder=where), store=toy().store, **change)
        lines: list[str] = []
        run_search(experiment, 1, lines.append)
        run_train(experiment, 1, lines.append)
        assert any("of it reading features" in line for line in lines)
        results[where] = content(experiment.outputs.results)
        shutil.rmtree(experiment.store / "runs")
    assert results["memory"] == results["store"]
    assert "held in memory by one process" in caplog.text
    assert "batches are read from the store during training" in caplog.text


def test_batches_are_read_before_they_are_asked_for(toy: Any) -> None:
    rows = load_data(toy(), "cpu", streaming=True).rows
    taken: list[int] = []
    reached = threading.Event()
    spectrogram = rows.columns[LEVEL_DB]
    assert isinstance(spectrogram, StoredArray)

    class Noting(StoredArray):
        def take(self, rows_B: torch.Tensor) -> torch.Tensor:
            taken.append(int(rows_B[1]))
            if len(taken) > BATCHES_AHEAD:
                reached.set()
            return super().take(rows_B)

    noting = Noting(spectrogram.reader, spectrogram.name, spectrogram.ids, "cpu")
    batches = replace(rows, columns={**rows.columns, LEVEL_DB: noting}).batches(requests())
    next(batches)
    assert reached.wait(10)
    assert set(taken) == set(range(BATCHES_AHEAD + 1))  # and no more than that is held
    assert len(list(batches)) == 4


def spoil(store: Path, extractor: str) -> None:
    (shard,) = store.glob(f"{extractor}/*/*/c.0.0.0")
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(bytes(data))


@pytest.mark.parametrize("extractor", ["tec", "mfcc"])
def test_a_damaged_row_stops_a_streamed_training(toy: Any, extractor: str) -> None:
    experiment = toy()
    rows = load_data(experiment, "cpu", streaming=True).rows
    spoil(experiment.store, extractor)
    with pytest.raises(DamagedRowError, match="the first is row 0"):
        list(rows.batches([(torch.arange(48), None)]))


def test_a_store_that_goes_away_stops_a_streamed_training(toy: Any) -> None:
    experiment = toy()
    rows = load_data(experiment, "cpu", streaming=True).rows
    shutil.rmtree(experiment.store / "sec")
    with pytest.raises(CacheError, match="bring the folder back"):
        list(rows.batches(requests()))


def test_numbers_per_row_are_held_while_large_arrays_are_streamed(toy: Any) -> None:
    rows = load_data(toy(), "cpu", streaming=True).rows
    held = {source for source, column in rows.columns.items() if isinstance(column, torch.Tensor)}
    assert held == {UTTERANCE_MAX_DB}
    list(rows.batches(requests()))
    assert rows.reading.seconds > 0


def test_only_the_last_level_of_tec_is_read(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, Any]] = []
    original = FeatureReader.read

    def noting(self: FeatureReader, ids: Any, arrays: Any = None) -> Any:
        read.append((self.digest.extractor, tuple(arrays)))
        return original(self, ids, arrays)

    monkeypatch.setattr(FeatureReader, "read", noting)
    load_data(toy(), "cpu")
    assert {names for extractor, names in read if extractor == "tec"} == {("last",)}


class SlowRows:
    """Rows that make one wait a tenth of a second."""

    def __init__(self) -> None:
        self.reading = Stopwatch()

    def wait(self) -> Iterator[float]:
        with self.reading:
            time.sleep(0.1)
        yield self.reading.seconds


def test_a_units_line_says_the_share_of_reading(toy: Any) -> None:
    slow: Any = SlowRows()

    def do(unit: Any) -> str:
        list(slow.wait())
        time.sleep(0.1)
        return "epoch 1"

    rows: Rows = slow
    unit = plan_units(toy(), "search", "x")[0]
    for _ in range(2):  # the time of one unit is not counted for the next
        line = saying_share(do, rows)(unit)
        assert line.startswith("epoch 1; 0.2 s, ")
        share = float(line.split(", ")[1].partition("%")[0])
        assert 40 <= share <= 60


def test_the_time_of_a_unit_that_goes_on_is_said_to_be_of_the_rest(toy: Any) -> None:
    rows: Any = SlowRows()
    unit = plan_units(toy(), "search", "x")[0]
    (unit.folder / "fit").mkdir(parents=True)
    (unit.folder / "fit" / "state.pt").touch()
    line = saying_share(lambda _: "epoch 1", rows)(unit)
    assert re.fullmatch(r"epoch 1; \d\.\d s since it went on, .*% of it reading features", line)


def test_the_bytes_of_a_plan_are_those_that_memory_holds(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    experiment = toy()
    rows = load_data(experiment, "cpu").rows
    columns: Any = rows.columns.values()
    held = sum(column.nbytes for column in columns)
    assert plan_memory(experiment, NetworkFits, 1).feature_bytes == held
