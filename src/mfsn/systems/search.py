"""The search stage: a genotype and a trained network for every fold and seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfsn import runtime
from mfsn.base.files import read_json, write_json
from mfsn.base.quantities import counted
from mfsn.runs.outputs import copy_files, replacing_folder
from mfsn.runs.parallel import Do, run_units
from mfsn.runs.unit import Unit
from mfsn.training.data.memory import plan_memory
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units

SCHEMA = 1
RESULT = "genotype.json"


def run_search(
    experiment: Experiment, jobs: int | None = None, say: Callable[[str], None] = print
) -> None:
    """Search every fold and seed, and write data/results/<corpus>/<experiment>/search.

    A folder a unit with genotype.json, history.json and `<rule>.safetensors`, and search.json for
    all. Only `mfsn` has something to search; for other systems search.json says so. The folder is
    written when all units are finished; until then what is finished waits in the store.

    Args:
        experiment: what to run.
        jobs: units at once; by default as this machine has processors and memory for.
        say: takes a line about each finished unit.

    Raises:
        MfsnError: a subclass that says why the inputs, the folds or a unit cannot be used; see
            `Experiment`, `run_units` and `mfsn.training.fit.fit`.
    """
    experiment.refuse_unlike_frames()
    units = plan_units(experiment, "search", RESULT) if experiment.system == "mfsn" else []
    waiting = [unit for unit in units if not unit.finished]
    plan = plan_memory(experiment, len(waiting), jobs)
    for unit, line in run_units(waiting, SearchWork(experiment, plan.streaming), plan.jobs):
        say(f"{unit.label}: {line}")
    with replacing_folder(experiment.outputs.search) as folder:
        for unit in units:
            _write_unit(unit, experiment, folder / unit.name)
        write_json(folder / "search.json", _summary(experiment, units))
    say(_closing_line(experiment, len(units), len(waiting)))


@dataclass(frozen=True)
class SearchWork:
    """Searching units of an experiment."""

    experiment: Experiment
    streaming: bool
    """See `mfsn.training.data.memory.MemoryPlan`."""

    def open(self) -> Do:
        """Read the rows of the corpus, or open the store."""
        from mfsn.systems.search_network import search_unit
        from mfsn.training.data.fold_data import load_data
        from mfsn.training.data.rows import saying_share

        data = load_data(self.experiment, runtime.device(), self.streaming)
        return saying_share(lambda unit: search_unit(unit, self.experiment, data), data.rows)


def _write_unit(unit: Unit, experiment: Experiment, folder: Path) -> None:
    """Copy what a unit found; its genotype also says who speaks in which part of the fold."""
    copy_files(unit.folder, folder, leave=(RESULT,))
    splits = ("train", "dev", "test")
    speakers = {split: experiment.speakers(unit.fold.split(split)) for split in splits}
    write_json(folder / RESULT, read_json(unit.folder / RESULT) | {"speakers": speakers})


def _summary(experiment: Experiment, units: list[Unit]) -> dict[str, Any]:
    genotypes = [read_json(unit.folder / RESULT) for unit in units]
    columns = ("run", "fold", "seed", "rule", "epoch", "level", "cells")
    return {
        "schema": SCHEMA,
        "system": experiment.system,
        "searched": bool(units),
        "units": [{name: genotype[name] for name in columns} for genotype in genotypes],
    }


def _closing_line(experiment: Experiment, units: int, computed: int) -> str:
    if not units:
        return f"search: system {experiment.system} has nothing to search"
    return (
        f"search: {counted(units, 'unit')}, {computed} computed now, {units - computed} from before"
    )
