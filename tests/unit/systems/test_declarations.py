"""Declarations of systems: what is in their identity, and what is refused in one sentence."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from mfsn import plugins
from mfsn.base.fingerprint import fingerprint
from mfsn.errors import ConfigError
from mfsn.store.spec import ArraySpec
from mfsn.training.config import TrainConfig
from mfsn.training.plan_units import plan_units
from mfsn.training.system import System, fits_of, get_system, modules_of, search_of

FRAMES = ("frame", "feature")
LEVELS = tuple(ArraySpec(name, (3, 2), "float16", FRAMES) for name in ("low", "mid", "high"))


def runs(experiment: Any, stage: Any = "train") -> list[str]:
    return [unit.run for unit in plan_units(experiment, stage, "x")]


@pytest.mark.parametrize("name", plugins.names("systems"))
def test_every_system_is_found_and_its_code_can_be_imported(name: str) -> None:
    system = get_system(name)
    assert system.name == name
    assert fits_of(system).streams in (True, False)
    assert (search_of(system) is None) == (system.search is None)


@pytest.mark.parametrize("changed", ["fits", "search", "builds", "reads", "network"])
def test_what_a_declaration_says_of_its_fits_is_part_of_their_identity(
    toy: Any, changed: str
) -> None:
    experiment = toy()
    other = get_system("acoustic")
    declared = replace(experiment.system, **{changed: getattr(other, changed)})
    if changed in ("fits", "builds"):
        declared = replace(experiment.system, **{changed: "elsewhere:Other"})
    assert runs(replace(experiment, system=declared)) != runs(experiment)


def test_parameters_that_a_system_does_not_name_decide_nothing(toy: Any) -> None:
    experiment = toy(system="classical")
    longer = experiment.optimisation.model_copy(update={"epochs": 99, "lr": 0.5})
    assert runs(replace(experiment, optimisation=longer)) == runs(experiment)
    weighed = experiment.optimisation.model_copy(update={"class_weights": True})
    assert runs(replace(experiment, optimisation=weighed)) != runs(experiment)


def test_what_only_train_reads_does_not_search_again(toy: Any) -> None:
    experiment = toy()
    soft = replace(experiment, train=TrainConfig(network="soft"))
    assert runs(soft, "search") == runs(experiment, "search")
    assert runs(soft) != runs(experiment)


@pytest.mark.parametrize(
    ("reads", "names"),
    [("all", ["low", "mid", "high"]), ("last", ["high"]), (("high", "low"), ["low", "high"])],
)
def test_the_arrays_that_are_read(reads: Any, names: list[str]) -> None:
    system = replace(get_system("probe"), reads={"sec": reads})
    assert [array.name for array in system.chosen("sec", LEVELS)] == names


def test_an_array_that_is_not_there_is_named() -> None:
    system = replace(get_system("probe"), reads={"sec": ("low", "top")})
    with pytest.raises(ConfigError, match="probe reads top of sec, which has only low, mid, high"):
        system.chosen("sec", LEVELS)


@pytest.mark.parametrize(
    "reference", ["no.such.module:Fits", "mfsn.systems.linear.probe:NoSuchFits"]
)
def test_code_that_cannot_be_imported_is_one_sentence(reference: str) -> None:
    with pytest.raises(ConfigError, match="which a system declares, cannot be imported") as raised:
        fits_of(replace(get_system("probe"), fits=reference))
    assert reference in str(raised.value)


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ("no system", "is no mfsn.training.system.System"),
        (replace(get_system("mfsn"), name="other"), "calls itself other"),
        (replace(get_system("mfsn"), parameters=("classical.c",)), "name it in `after_search`"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(
    monkeypatch: pytest.MonkeyPatch, declared: System | str, sentence: str
) -> None:
    monkeypatch.setattr(plugins, "load", lambda kind, name: declared)
    with pytest.raises(ConfigError, match=sentence):
        get_system("mfsn")


@pytest.mark.parametrize(
    ("system", "libraries"),
    [
        ("classical", {"numpy", "scikit-learn", "scipy", "torch"}),
        ("probe", {"numpy", "scikit-learn", "scipy", "torch"}),
        ("sec_tec", {"torch"}),
    ],
)
def test_the_libraries_that_fit_a_system_are_in_the_identity_of_its_code(
    checkout: Path, system: str, libraries: set[str]
) -> None:
    code = fingerprint(checkout / "src", roots=modules_of(get_system(system)))
    found = {key.removeprefix("library ") for key in code if key.startswith("library ")}
    assert libraries <= found
    assert ("scikit-learn" in found) == ("scikit-learn" in libraries)
    assert all(code[f"library {name}"] == version(name) for name in found)
