"""The search stage: for every fold and seed, what a search found and its trained network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mfsn.base.files import read_json, write_json
from mfsn.runs.outputs import copy_files, replacing_folder
from mfsn.runs.unit import Unit
from mfsn.systems.units import closing_line, run_waiting
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units
from mfsn.training.system import search_of

SCHEMA = 1
RESULT = "genotype.json"


def run_search(
    experiment: Experiment, jobs: int | None = None, say: Callable[[str], None] = print
) -> None:
    """Search every fold and seed, and write data/results/<corpus>/<experiment>/search.

    It holds one folder per unit with genotype.json, history.json and `<rule>.safetensors`, and
    search.json for all. If the system has nothing to search, search.json says so. The folder is
    written when all units are finished; until then, finished units are kept in the store.

    Args:
        experiment: what to run.
        jobs: units at once; by default as many as this machine has processors and memory for.
        say: takes one line about each finished unit.

    Raises:
        MfsnError: a subclass that says why the inputs, the folds or a unit cannot be used; see
            `Experiment`, `run_units` and `mfsn.training.fit.fit`.
    """
    fits = search_of(experiment.system)
    if fits is None:
        _write(experiment, [])
        say(f"search: system {experiment.system.name} has nothing to search")
        return
    experiment.refuse_unlike_frames()
    units = plan_units(experiment, "search", RESULT)
    computed = run_waiting(units, experiment, fits, jobs, say)
    _write(experiment, units)
    say(closing_line("search", len(units), computed))


def _write(experiment: Experiment, units: list[Unit]) -> None:
    with replacing_folder(experiment.outputs.search) as folder:
        for unit in units:
            _write_unit(unit, experiment, folder / unit.name)
        write_json(folder / "search.json", _summary(experiment, units))


def _write_unit(unit: Unit, experiment: Experiment, folder: Path) -> None:
    """Copy what a unit found; its genotype also says who speaks in each split of the fold."""
    copy_files(unit.folder, folder, leave=(RESULT,))
    splits = ("train", "dev", "test")
    speakers = {split: experiment.speakers(unit.fold.split(split)) for split in splits}
    write_json(folder / RESULT, read_json(unit.folder / RESULT) | {"speakers": speakers})


def _summary(experiment: Experiment, units: list[Unit]) -> dict[str, Any]:
    genotypes = [read_json(unit.folder / RESULT) for unit in units]
    columns = ("run", "fold", "seed", "rule", "epoch", "level", "cells")
    return {
        "schema": SCHEMA,
        "system": experiment.system.name,
        "searched": bool(units),
        "units": [{name: genotype[name] for name in columns} for genotype in genotypes],
    }
