"""`mfsn cache gc` with real git and DVC: what is named stays, what was lost comes back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from mfsn.store.gc.gc import make_plan
from mfsn.store.gc.plan import Wish

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

DELETED, BRANCHED = 12, 14


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


def search(project: Any, coefficients: int, check: bool = True) -> Any:
    """Read these rows in an experiment, with parameters of the search that are new."""
    changes = ("-S", f"mfcc.coefficients={coefficients}", "-S", "optimisation.weight_decay=0.5")
    return project.dvc("exp", "run", "--temp", *changes, "search", check=check)


def kept(project: Any) -> set[int]:
    """The coefficients of which the store has rows."""
    found = set()
    for path in project.store.glob("mfcc/*/zarr.json"):
        if any((path.parent / "commits").glob("*.json")):
            about = json.loads(path.read_text())["attributes"]["mfsn"]["about"]
            found.add(about["config"]["coefficients"])
    return found


def collect(project: Any, *options: str) -> str:
    ages = ("--grace", "0", "--unused", "0")
    output: str = project.run("mfsn", "cache", "gc", *ages, *options, "--delete").stdout
    return output


def put_back_use(project: Any, directory: str, second: int) -> None:
    """Put the last use of a directory's shards back, long before all others."""
    for folder in ("commits", ".used"):
        for path in (project.store / directory / folder).glob("*"):
            os.utime(path, (0, second))


def test_branches_keep_their_rows_and_a_removed_experiment_loses_them(project: Any) -> None:
    for coefficients in (DELETED, BRANCHED):
        extract(project, coefficients, f"exp-{coefficients}")
    collect(project)
    assert kept(project) == {DELETED, BRANCHED, 40}  # refs/exps

    project.dvc("exp", "branch", f"exp-{BRANCHED}", "branched")
    project.dvc("exp", "remove", *(f"exp-{n}" for n in (DELETED, BRANCHED)))
    collect(project)
    assert kept(project) == {BRANCHED, 40}

    # DVC's run-cache brings the digest back without its rows. The reader that misses them says
    # what to do, and the next run computes them.
    failed = search(project, DELETED, check=False)
    assert failed.returncode
    assert "`dvc repro` computes them" in failed.stdout + failed.stderr
    search(project, DELETED)
    assert kept(project) == {DELETED, BRANCHED, 40}


def test_rows_that_a_budget_deletes_are_computed_again_by_the_next_repro(project: Any) -> None:
    outputs, rows = project.outputs(), project.rows()
    evicted = sorted(name for name in rows if name.startswith(("spectrogram/", "waveform/")))
    assert len(evicted) == 2
    for second, directory in enumerate(evicted, 1):
        put_back_use(project, directory, second)
    plan = make_plan(project.store, project.root, Wish())
    (first,) = [one.bytes for one in plan.directories if one.name == evicted[0]]
    less = plan.bytes - first - 1  # the second goes for the last byte
    said = collect(project, "--force", "--budget", f"{less}B")
    assert "`dvc repro` there computes them again" in said
    assert set(rows) - set(project.rows()) == set(evicted)
    assert project.repro() == {"scan", "segment", "extract@spectrogram"}
    assert (project.outputs(), project.rows()) == (outputs, rows)
    assert project.repro() == {"scan"}  # without the note, and from DVC's run-cache
    assert project.run("git", "status", "--porcelain", "dvc.lock").stdout == ""


def test_a_shard_that_is_lost_is_computed_again_and_no_other(project: Any) -> None:
    outputs, rows = project.outputs(), project.rows()
    (directory,) = (name for name in rows if name.startswith("mfcc/"))
    markers = sorted((project.store / directory / "commits").iterdir())
    markers[0].unlink()
    assert project.repro() == {"scan", "extract@mfcc"}
    assert (project.outputs(), project.rows()) == (outputs, rows)


def test_an_extraction_that_was_killed_goes_on_although_dvc_removed_its_digest(
    project: Any,
) -> None:
    outputs, rows = project.outputs(), project.rows()
    (directory,) = (name for name in rows if name.startswith("mfcc/"))
    shutil.rmtree(project.store / directory)
    (project.root / "data/prepared/toy/features/mfcc.json").unlink()
    assert project.repro() == {"scan", "extract@mfcc"}
    assert (project.outputs(), project.rows()) == (outputs, rows)


def test_nothing_is_computed_for_a_store_that_never_held_the_rows(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that is not mounted: the outputs are whole without it."""
    there = project.store.with_name("elsewhere")
    project.store.rename(there)
    try:
        assert project.repro() == {"scan"}
    finally:
        shutil.rmtree(project.store)
        there.rename(project.store)
