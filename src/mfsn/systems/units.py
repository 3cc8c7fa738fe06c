"""Running the units of a system that are not finished yet: what stages search and train share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mfsn.base.quantities import counted
from mfsn.runs.parallel import run_units
from mfsn.runs.unit import Unit
from mfsn.runs.work import Needs
from mfsn.training.data.memory import plan_memory
from mfsn.training.experiment import Experiment
from mfsn.training.system import Fits


def run_waiting(
    units: Sequence[Unit],
    experiment: Experiment,
    fits: type[Fits],
    jobs: int | None,
    say: Callable[[str], None],
) -> int:
    """Compute the units that are not finished, and say one line about each.

    All of them count as used now, and again whenever one is finished: their stage copies what they
    made when the last one is finished.

    Args:
        units: all of a stage.
        experiment: what they belong to.
        fits: how they are fitted.
        jobs: units at once; by default what the system asks for, or as many as fit this machine.
        say: takes the lines.

    Returns:
        How many were computed.
    """
    waiting = [unit for unit in units if not unit.finished]
    _note_use(units)
    plan = plan_memory(experiment, fits, len(waiting), jobs or fits.jobs(experiment))
    needs = Needs(
        threads=fits.threads,
        device=fits.device,
        memory_bytes=0 if plan.streaming else plan.feature_bytes,
        folders=(experiment.outputs.workspace / "data",),
    )
    for unit, line in run_units(waiting, fits(experiment, plan.streaming), plan.jobs, needs):
        say(f"{unit.label}: {line}")
        _note_use(units)
    return len(waiting)


def _note_use(units: Sequence[Unit]) -> None:
    for unit in units:
        unit.note_use()


def closing_line(stage: str, units: int, computed: int) -> str:
    """The last line of a stage."""
    return (
        f"{stage}: {counted(units, 'unit')}, {computed} computed now, {units - computed} "
        "from before"
    )
