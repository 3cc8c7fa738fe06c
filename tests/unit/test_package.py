"""The package's entrance: light, complete, and free of names that shadow modules."""

from __future__ import annotations

import doctest
import importlib.util
import subprocess
import sys

import numpy
import pytest

import mfsn


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("torch", "transformers", "pandas", "numpy", "sklearn", "matplotlib", "zarr", "xarray")
    code = f"import mfsn, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", mfsn.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert ">>>" in getattr(mfsn, name).__doc__
    assert name in dir(mfsn)


@pytest.mark.parametrize("name", mfsn.__all__)
def test_examples_of_docstrings_give_what_they_show(name: str) -> None:
    """Those that need a checkout with results are skipped here, and stand in docs/python.md."""
    globs = {"mfsn": mfsn, "numpy": numpy, name: getattr(mfsn, name)}
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(recurse=False).find(globs[name], name, globs=globs):
        assert runner.run(test).failed == 0


@pytest.mark.parametrize("name", mfsn.__all__)
def test_no_public_name_is_a_module_too(name: str) -> None:
    assert importlib.util.find_spec(f"mfsn.{name}") is None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mfsn.nonsense  # noqa: B018
