"""Program of the Ray tests: the toy extraction on a cluster, whose workers can die or fail.

Usage: python -m tests.pipeline.toy_on_ray ROOT ADDRESS, in the checkout

A file ROOT/fuses/<moment>-<n> is burnt by the first worker that passes the moment, and kills it:
`starting`, `computing`, `sums` (before the shard of the first array gets its name), `peak` (the
first array's shard is written, the second's is not), `written` (all is written, the driver does not
know). The moments `disk` and `bug` raise an error instead. Where there is a file ROOT/poison, the
first segment kills every worker. Where there is a file ROOT/held, workers stop once a shard is
committed. A worker leaves its process number in ROOT/workers.
"""

from __future__ import annotations

import functools
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd
from tests.pipeline import toy_extraction as toy

from mfsn.audio.decoding import to_float32
from mfsn.base.arrays import Float32, Int64
from mfsn.cluster.connection import import_ray
from mfsn.errors import MfsnError, StorageFullError
from mfsn.features.extraction.extraction import extract
from mfsn.features.ray.engine import RayEngine
from mfsn.segments.waves import waveform_store
from mfsn.store import layout

SECONDS_PER_BATCH = 0.04


class Mortal(toy.Toy):
    """The toy, with fuses; it never dies in the driver."""

    def __init__(self, root: Path, driver: int, poison: float) -> None:
        super().__init__(root, dies_in_batch=0)
        self._root = root
        self._poison = poison
        self._is_driver = os.getpid() == driver
        if not self._is_driver:
            (root / "workers" / str(os.getpid())).touch()
            self._pass("starting")
            self._die_at_renames()

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        if not self._is_driver:
            time.sleep(SECONDS_PER_BATCH)
            self._wait_while_held()
        self._pass("computing")
        if not self._is_driver and waves_BT[0, 0] == self._poison:
            toy.die()
        if self._burn("disk"):
            raise StorageFullError("the disk of the test is full; free some space")
        if self._burn("bug"):
            raise ZeroDivisionError("a mistake in the test's extractor")
        return super().extract(waves_BT, valid_B)

    def _wait_while_held(self) -> None:
        while (self._root / "held").exists() and any(self._root.glob("mfcc/*/commits/*.json")):
            time.sleep(0.01)

    def _burn(self, moment: str) -> bool:
        if self._is_driver:
            return False
        for fuse in sorted((self._root / "fuses").glob(f"{moment}-*")):
            try:
                fuse.unlink()
            except FileNotFoundError:  # another worker was faster
                continue
            return True
        return False

    def _pass(self, moment: str) -> None:
        if self._burn(moment):
            toy.die()

    def _die_at_renames(self) -> None:
        replace = os.replace

        def mortal(source: Path, target: Path) -> None:
            array = Path(target).parent.name
            self._pass(array)
            replace(source, target)
            if array == "peak":
                self._pass("written")

        os.replace = mortal  # type: ignore[assignment]


def poison(root: Path, segments: pd.DataFrame) -> float:
    """The first sample of the first segment, if there is a file ROOT/poison."""
    waves = waveform_store(toy.CONFIG, root).read([segments["row_key"][0]], ["wave"])
    return to_float32(waves["wave"])[0, 0] if (root / "poison").exists() else math.nan


def main(root: Path, address: str) -> None:
    """Extract all rows on the cluster."""
    layout.MOST_ROWS_PER_SHARD = toy.ROWS_PER_SHARD
    # The cluster has no copy of the tests.
    import_ray().cloudpickle.register_pickle_by_value(toy)
    (root / "workers").mkdir(parents=True, exist_ok=True)
    segments = toy.segment(root)
    make = functools.partial(Mortal, root, os.getpid(), poison(root, segments))
    try:
        engine = RayEngine(address, make, toy.CONFIG, root)
        digest = extract(make(), segments, toy.CONFIG, root, engine)
    except MfsnError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    digest.write(root / "all.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
