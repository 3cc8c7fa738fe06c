"""How many units run at once, and whether their rows are held in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mfsn import runtime
from mfsn.errors import ConfigError
from mfsn.systems.linear.classical import ClassicalFits
from mfsn.systems.networks.fits import NetworkFits
from mfsn.training.data.memory import MemoryPlan, plan_memory

# 48 segments of the toy: 12 x 8 float16 and a float32 of spectrogram, 10 x 3 float32 of MFCC.
ACOUSTIC_BYTES = 48 * (12 * 8 * 2 + 4 + 10 * 3 * 4)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_JOBS", "4")
    monkeypatch.setenv("MFSN_DEVICE", "cpu")


def allow(monkeypatch: pytest.MonkeyPatch, count: float) -> None:
    monkeypatch.setenv("MFSN_MEMORY", f"{count / 1e9:.12f}")


def test_the_bytes_are_those_of_the_rows_that_are_read(toy: Any) -> None:
    assert plan_memory(toy(system="acoustic"), NetworkFits, 1).feature_bytes == ACOUSTIC_BYTES


@pytest.mark.parametrize(
    ("units", "asked", "jobs"), [(9, None, 4), (3, None, 3), (1, None, 1), (9, 2, 2), (1, 5, 1)]
)
def test_units_run_at_once_as_there_are_processors(
    toy: Any, units: int, asked: int | None, jobs: int
) -> None:
    assert plan_memory(toy(), NetworkFits, units, asked).jobs == jobs


@pytest.mark.parametrize(("allowed", "streaming"), [(3, False), (2.9, True), (0.1, True)])
def test_rows_stream_when_they_do_not_fit_for_every_process(
    toy: Any, monkeypatch: pytest.MonkeyPatch, allowed: float, streaming: bool
) -> None:
    allow(monkeypatch, allowed * ACOUSTIC_BYTES + 1)
    plan = plan_memory(toy(system="acoustic"), NetworkFits, 3)
    assert (plan.jobs, plan.streaming) == (3, streaming)


@pytest.mark.parametrize(("share", "jobs"), [(3, 3), (2.5, 2), (0.1, 1)])
def test_the_classical_baseline_never_streams_but_runs_fewer_units(
    toy: Any, monkeypatch: pytest.MonkeyPatch, share: float, jobs: int
) -> None:
    experiment = toy(system="classical")
    allow(monkeypatch, share * experiment.sizes.row_bytes + 1)
    plan = plan_memory(experiment, ClassicalFits, 3)
    assert (plan.jobs, plan.streaming) == (jobs, False)


def test_nothing_to_compute_needs_no_plan_and_no_word(toy: Any, caplog: Any) -> None:
    caplog.set_level("INFO", "mfsn")
    assert plan_memory(toy(), NetworkFits, 0).jobs == 1
    assert caplog.text == ""


def test_what_was_decided_is_said(toy: Any, caplog: Any) -> None:
    caplog.set_level("INFO", "mfsn")
    plan_memory(toy(), NetworkFits, 2)
    assert "of features are held in memory by each of 2 processes (" in caplog.text
    assert str(MemoryPlan(1, True, 9_150_000_000, 4_000_000_000)) == (
        "9.2 GB of features do not fit into memory for one process (4.0 GB allowed): batches are "
        "read from the store during training"
    )


def test_by_default_half_of_the_free_memory_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MFSN_MEMORY", raising=False)
    monkeypatch.setattr(runtime, "free_memory_bytes", lambda device: 7_000)
    assert runtime.feature_memory_bytes("cpu") == 3_500


@pytest.mark.parametrize("text", ["0", "-1", "much", "", "1e3"])
def test_a_memory_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MFSN_MEMORY", text)
    with pytest.raises(ConfigError, match="a number of GB above 0"):
        runtime.feature_memory_bytes("cpu")


def test_free_memory_is_within_what_the_machine_has() -> None:
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < runtime.free_memory_bytes("cpu") < physical


@pytest.mark.parametrize(
    ("line", "folder", "limit", "used"),
    [("0::/job/step", "", "memory.max", "anon"),
     ("4:memory:/job/step", "memory", "memory.limit_in_bytes", "total_rss")],
)  # fmt: skip
def test_the_limit_of_a_control_group_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, folder: str, limit: str, used: str
) -> None:
    (tmp_path / "own").write_text(f"3:cpuset:/\n{line}\n")
    monkeypatch.setattr(runtime, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(runtime, "_GROUPS", tmp_path)
    (tmp_path / folder / "job" / "step").mkdir(parents=True)
    (tmp_path / folder / "job" / "step" / limit).write_text("max\n")
    assert runtime.free_memory_bytes("cpu") > 5_000_000
    (tmp_path / folder / "job" / limit).write_text("6000000\n")  # of a group around it
    (tmp_path / folder / "job" / "memory.stat").write_text(f"{used} 1000000\nfile 4000000\n")
    assert runtime.free_memory_bytes("cpu") == 5_000_000
