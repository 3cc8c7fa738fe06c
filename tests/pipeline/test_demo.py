"""The embedded demo: learnable far above chance, and at chance when training labels are shuffled.

The classical baseline does it in seconds; what the networks reach stands in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mfsn.base.files import read_json

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("demo")]

CHANCE = 0.25


@pytest.fixture(scope="module")
def demo(make_project: Any, tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Any:
    """A workspace with the demo spoken, cut, and its functionals extracted."""
    project = make_project(tmp_path_factory.mktemp("demo"), checkout)
    project.set(corpus={"name": "demo", "reader": "demo"})
    project.set(labels__classes=["angry", "happy", "neutral", "sad"], system="classical")
    for stage in (["scan"], ["prepare"], ["segment"], ["extract", "functionals"]):
        run(project, *stage)
    return project


def run(project: Any, stage: str, *arguments: str) -> None:
    project.run(sys.executable, f"stages/{stage}.py", *arguments)


def held_out_ua(project: Any, **parameters: Any) -> float:
    project.set(**parameters)
    for stage in ("search", "train", "evaluate"):
        run(project, stage)
    ua: float = read_json(project.root / "data/results/demo/mfsn/metrics.json")["ua"]
    return ua


def test_the_demo_is_learnt_far_above_chance_and_shuffled_labels_are_not(demo: Any) -> None:
    assert held_out_ua(demo) > 2.5 * CHANCE
    # Five folds of 96 utterances: the standard error at chance is 2 points.
    assert abs(held_out_ua(demo, optimisation__shuffle_labels=True) - CHANCE) < 0.1
