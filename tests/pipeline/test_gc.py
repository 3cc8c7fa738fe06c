"""`mfsn cache gc` with real git and DVC: what can be gone back to stays, what was removed goes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from mfsn.store.gc.gc import make_plan
from mfsn.store.gc.plan import Wish

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

DELETED, BRANCHED, QUEUED = 12, 14, 16


@pytest.fixture(autouse=True)
def swept(project: Any) -> Iterator[None]:
    """Start with the rows of the workspace alone, and leave none beside them to other tests."""
    sweep(project)
    yield
    project.run("git", "branch", "-D", "branched", check=False)
    sweep(project)


def sweep(project: Any) -> None:
    project.dvc("exp", "remove", "--all-commits", check=False)
    project.dvc("exp", "remove", "--queue", check=False)
    collect(project)


def extract(project: Any, coefficients: int, name: str) -> None:
    """Extract MFCC in an experiment of its own, in a temporary workspace."""
    change = f"mfcc.coefficients={coefficients}"
    project.dvc("exp", "run", "--temp", "--name", name, "-S", change, "extract@mfcc")


def kept(project: Any) -> set[int]:
    """The coefficients of which the store has rows."""
    found = set()
    for path in project.store.glob("mfcc/*/zarr.json"):
        if any((path.parent / "commits").glob("*.json")):
            about = json.loads(path.read_text())["attributes"]["mfsn"]["about"]
            found.add(about["config"]["coefficients"])
    return found


def collect(project: Any) -> str:
    output: str = project.run("mfsn", "cache", "gc", "--grace", "0", "--delete").stdout
    return output


def last_used(project: Any, directory: str, second: int) -> None:
    """Put the last use of a directory's rows back, long before all others."""
    for note in (project.store / "owners").glob("*.json"):
        if json.loads(note.read_text())["store"] == directory:
            os.utime(note, (0, second))


def test_branches_and_the_queue_keep_their_rows_and_a_removed_experiment_loses_them(
    project: Any,
) -> None:
    for coefficients in (DELETED, BRANCHED, QUEUED):
        extract(project, coefficients, f"exp-{coefficients}")
    collect(project)
    assert kept(project) == {DELETED, BRANCHED, QUEUED, 40}  # refs/exps

    changes = ["-S", f"mfcc.coefficients={QUEUED}", "-S", "optimisation.weight_decay=0.5"]
    project.dvc("exp", "run", "--queue", *changes)
    project.dvc("exp", "branch", f"exp-{BRANCHED}", "branched")
    project.dvc("exp", "remove", *(f"exp-{n}" for n in (DELETED, BRANCHED, QUEUED)))
    said = collect(project)
    assert kept(project) == {BRANCHED, QUEUED, 40}
    assert "queued experiment" in said
    assert "DVC's run-cache forgets" in said

    extract(project, DELETED, "again")  # not brought back without its rows, but computed
    assert kept(project) == {DELETED, BRANCHED, QUEUED, 40}


def test_rows_in_use_that_a_budget_evicts_are_computed_again_by_the_next_repro(
    project: Any,
) -> None:
    outputs, rows = project.outputs(), project.rows()
    evicted = sorted(name for name in rows if name.startswith(("functionals/", "waveform/")))
    assert len(evicted) == 2
    for second, directory in enumerate(evicted, 1):
        last_used(project, directory, second)
    plan = make_plan(project.store, project.root, Wish())
    (first,) = [one.contents.bytes for one in plan.directories if one.name == evicted[0]]
    less = plan.bytes - first - 1  # the second goes for the last byte
    command = ("mfsn", "cache", "gc", "--force", "--budget", f"{less}B", "--delete")
    assert "`dvc repro` there computes them again" in project.run(*command).stdout
    assert set(rows) - set(project.rows()) == set(evicted)
    assert project.repro() == {"scan", "segment", "extract@functionals"}
    assert (project.outputs(), project.rows()) == (outputs, rows)
