"""Units on a Ray cluster.

If a worker dies, another one goes on with its unit after the last epoch that was kept in the store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mfsn.base.environment import LIBRARIES
from mfsn.cluster.connection import connected
from mfsn.cluster.node import marked, premises
from mfsn.cluster.pool import Pool
from mfsn.cluster.slots import slots
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do, Needs

_LIBRARIES = (*LIBRARIES, "scipy", "scikit-learn")
"""The libraries whose versions decide the bits of a result."""


@dataclass(frozen=True)
class UnitJob:
    """What a worker of the cluster does."""

    start: Callable[[], Do]
    """Makes the function that computes a unit."""

    def open(self) -> Callable[[int, Unit], str]:
        """A function of an attempt, which does not matter, and a unit."""
        do = self.start()
        return lambda _, unit: do(unit)


def run_on_cluster(
    units: Sequence[Unit], start: Callable[[], Do], needs: Needs, address: str
) -> Iterator[tuple[Unit, str]]:
    """Compute units on a cluster, and give each as soon as it is finished.

    Args:
        units: what to compute.
        start: makes the function that computes one, once per worker; it must be picklable.
        needs: what each of them takes.
        address: as `mfsn.cluster.connection.ray_address` gives it.

    Raises:
        ClusterError: if the cluster cannot be reached, does not fit, or its workers keep dying.
        MfsnError: as a unit raises it.
    """
    device = None if needs.device == "auto" else needs.device
    folders = {*needs.folders, *(unit.folder.parent for unit in units)}
    with connected(address), marked(sorted(folders)) as seen:
        place = slots(needs.threads_each(1), device, needs.memory_bytes)
        pool = Pool(place, UnitJob(start), premises(seen, _LIBRARIES), units, what="unit")
        with contextlib.closing(pool):
            yield from pool.run()
