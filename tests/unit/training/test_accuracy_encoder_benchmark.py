"""benchmarks/accuracy_encoder.py: what stands beside what in its candidates."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mfsn.systems.linear.classical import LEVEL
from mfsn.systems.linear.fits import Vectors

FOLDER = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))  # where it looks for benchmarks/accuracy.py
    path = FOLDER / "accuracy_encoder.py"
    spec = importlib.util.spec_from_file_location("accuracy_encoder", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("accuracy", None)


def test_candidates_hold_what_their_names_say(script: ModuleType) -> None:
    random = np.random.default_rng(0)
    layers = {name: random.normal(size=(4, 2, 3)).astype(np.float32) for name in ("a", "b")}
    rows = random.normal(size=(4, 5))
    functionals = Vectors({LEVEL: rows}, {}, {}, [rows], [2, 3])
    made = script.candidates(layers, functionals)
    assert np.array_equal(made["a, mean"].levels[LEVEL], layers["a"][:, 0])
    assert np.array_equal(made["b, mean and deviation"].levels[LEVEL][:, 3:], layers["b"][:, 1])
    assert made["all layers"].levels[LEVEL].shape == (4, 12)
    beside = made["all layers and functionals"]
    assert np.array_equal(beside.levels[LEVEL][:, 12:], rows)
    assert beside.blocks == [3, 3, 3, 3, 2, 3]
    assert beside.copies == ()
    named = {recipe.features for recipe in script.recipes(layers)}
    assert named == set(made) - {"a, mean", "b, mean"}
