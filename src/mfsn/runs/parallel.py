"""Running units: in this process, in worker processes, or on a cluster, with the same bytes.

Every unit computes with a fixed number of threads, with deterministic algorithms and from its own
seeds, so neither the number of workers nor their order shows in a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from mfsn.base.progress import Progress
from mfsn.cluster.connection import ray_address
from mfsn.runs.unit import Unit
from mfsn.runs.work import ONE_THREAD, Do, Needs, Work, aside, computing


def run_units(
    units: Sequence[Unit], work: Work, jobs: int, needs: Needs = ONE_THREAD
) -> Iterator[tuple[Unit, str]]:
    """Compute units and give each as soon as it is finished.

    Args:
        units: what to compute.
        work: how to compute them.
        jobs: the most units at once on this machine; 1 computes in this process. With `$MFSN_RAY`
            the cluster decides how many run at once.
        needs: what each unit takes of the machine.

    Yields:
        A unit and the line about it, in the order in which the units end.

    Raises:
        TrainingError: if a worker process dies, or as the unit raises it. What other units have
            finished is kept, and unfinished units go on after their last epoch when they run again.
        ClusterError: if the cluster cannot be used, or its workers keep dying.
        StoreBusyError: if another process computes one of the units and does not finish it in time
            (see `mfsn.store.lock.wait_s`).
        ConfigError: if a variable of the environment is not understood; see `mfsn.runtime`.
    """
    if not units:
        return
    address, jobs = ray_address(), min(jobs, len(units))
    start = partial(computing, work, needs.device, needs.threads_each(1 if address else jobs))
    if jobs <= 1 and not address:
        do = aside(start()) if needs.device == "cpu" else start()
        yield from ((unit, do(unit)) for unit in units)
        return
    bar = Progress(total=len(units), desc="folds and seeds", unit="unit", leave=False)
    with bar:
        for finished in _elsewhere(units, start, jobs, needs, address):
            bar.clear()  # a caller that prints the line gets a line of its own
            yield finished
            bar.update()
            bar.refresh()


def _elsewhere(
    units: Sequence[Unit], start: Callable[[], Do], jobs: int, needs: Needs, address: str | None
) -> Iterator[tuple[Unit, str]]:
    if address:
        from mfsn.runs.on_cluster import run_on_cluster

        return run_on_cluster(units, start, needs, address)
    from mfsn.runs.workers import run_in_workers

    return run_in_workers(units, start, jobs)
