"""Program of the Ray tests: units that count to ten, as epochs do, and whose workers can die.

Usage: MFSN_RAY=ADDRESS python -m tests.pipeline.toy_units_on_ray ROOT NAMES, in the checkout

There is one unit per letter of NAMES. k: its first two workers are killed in the middle. p: every
worker is killed at its start. f: fails. w: waits for ever. c: counts. A unit writes what it counts
to ROOT/counted/<unit>, and goes on after what stands there. Its result is the number of threads.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.pipeline import toy_units_on_ray as this  # not __main__, which no worker knows

from mfsn.base.files import write_text
from mfsn.cluster.connection import import_ray, ray_address
from mfsn.errors import MfsnError, TrainingError
from mfsn.protocols.fold import Fold
from mfsn.runs.parallel import run_units
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do, Needs

MOST = 10


@dataclass(frozen=True)
class Counting:
    """Counts, in a folder that every node must see."""

    root: Path

    def open(self) -> Do:
        """Nothing to read."""
        return self._count

    def _count(self, unit: Unit) -> str:
        import torch

        kind, counted = unit.fold.name, self.root / "counted" / unit.name
        write_text(self.root / "workers" / str(os.getpid()), unit.name)
        if kind == "f":
            raise TrainingError("fold f: a sentence")
        while kind == "w":
            time.sleep(0.05)
        before = counted.read_text().split() if counted.exists() else []
        for number in range(len(before), MOST):
            if kind == "p" or (kind == "k" and number == 3 * (1 + len(_deaths(unit))) < 9):
                (unit.folder / f"death-{len(_deaths(unit))}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            write_text(counted, "\n".join([*before, *map(str, range(len(before), number + 1))]))
        write_text(unit.folder / unit.result, f"{torch.get_num_threads()}")
        return f"counted from {len(before)}"


def _deaths(unit: Unit) -> list[Path]:
    return list(unit.folder.glob("death-*"))


def units(root: Path, names: str) -> list[Unit]:
    """One unit per letter."""
    return [
        Unit(Fold(name, (), (), (), True), seed, name, root / "runs" / f"{name}{seed}", "done")
        for seed, name in enumerate(names)
    ]


def main(root: Path, names: str) -> None:
    """Compute the units, and print the line of each."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as stages do
    if ray_address():
        import_ray().cloudpickle.register_pickle_by_value(this)  # the nodes have no tests
    try:
        needs = Needs(device="cpu", folders=(root / "counted",))
        for unit, line in run_units(units(root, names), Counting(root), 1, needs):
            print(f"{unit.name}: {line}", flush=True)
    except MfsnError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    this.main(Path(sys.argv[1]), sys.argv[2])
