"""How training fits into memory: how many units run at once, and where their features are.

Units that run at the same time each hold all rows of the experiment. If that does not fit, rows
stay in the store, and batches are read while the network computes. Many of these reads come from
the page cache, which all processes share. Results are the same to the bit.

Beside the rows, a process needs a constant amount of memory for the network and for batches. Rows
in the store are read up to two batches ahead. The largest batches are those that score development
data (`mfsn.training.loop.EVALUATION_ROWS`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mfsn import runtime
from mfsn.training.experiment import Experiment
from mfsn.training.system import Fits

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MemoryPlan:
    """The decision of `plan_memory`."""

    jobs: int
    """Units at once."""
    streaming: bool
    """Whether batches are read from the store during training, so that rows are not held."""
    feature_bytes: int
    """All rows that the system reads."""
    allowed_bytes: int
    """How much the rows of all units that run at once may take."""

    def __str__(self) -> str:
        size, allowed = _size(self.feature_bytes), _size(self.allowed_bytes)
        holders = "one process" if self.jobs == 1 else f"each of {self.jobs} processes"
        if self.streaming:
            return (
                f"{size} of features do not fit into memory for {holders} ({allowed} allowed): "
                "batches are read from the store during training"
            )
        return f"{size} of features are held in memory by {holders} ({allowed} allowed)"


def plan_memory(
    experiment: Experiment, fits: type[Fits], units: int, jobs: int | None = None
) -> MemoryPlan:
    """Decide how units run, and say it in the log.

    If rows cannot stay in the store and do not fit into memory, fewer units run at once.

    Args:
        experiment: the rows of its system are to be read.
        fits: how its units are fitted.
        units: how many there are to compute.
        jobs: units at once; by default one on a GPU, else `mfsn.runtime.jobs`, but no more than
            there are units.

    Raises:
        ConfigError: if a variable of the environment is not understood; see `mfsn.runtime`.
    """
    if not units:
        return MemoryPlan(1, False, 0, 0)
    plan = _plan(experiment, fits, units, jobs)
    log.info("%s", plan)
    return plan


def _plan(experiment: Experiment, fits: type[Fits], units: int, jobs: int | None) -> MemoryPlan:
    device, needed = runtime.device(), fits.held_bytes(experiment.sizes)
    allowed = runtime.feature_memory_bytes(device)
    at_once = min(units, jobs or (runtime.jobs() if device == "cpu" else 1))
    if not fits.streams:
        fitting = max(1, allowed // max(needed, 1))
        return MemoryPlan(jobs or min(at_once, fitting), False, needed, allowed)
    return MemoryPlan(at_once, needed * at_once > allowed, needed, allowed)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
