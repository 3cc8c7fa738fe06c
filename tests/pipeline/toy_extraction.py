"""Program of the kill tests: extracts 40 rows with a toy extractor, and can kill itself.

Usage: toy_extraction.py ROOT [PART] [DEATH]

PART is `all`, `first` or `second` (half of the segments). DEATH is `batch:N` (in the N-th call of
the extractor), or `rename:NAME` and `renamed:NAME` (right before or after the file that ends in
NAME gets its name). Computed rows are counted in ROOT/computed, one byte each.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.arrays import Float32, Int64
from mfsn.errors import MfsnError
from mfsn.features.extraction.extraction import extract
from mfsn.manifest import SEGMENTS
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store import layout
from mfsn.store.spec import ArraySpec

CONFIG = SegmentConfig(duration_s=0.01, sample_rate_hz=8000)
ROWS = 40
BATCH_ROWS = 2
ROWS_PER_SHARD = 4
SECONDS_PER_BATCH = 0.01


class Toy:
    """Running sums of a wave, slowly."""

    name: ClassVar[str] = "mfcc"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment"]] = "segment"
    context: ClassVar[Literal["segment"]] = "segment"
    parameters: ClassVar[Mapping[str, Any]] = {}
    about: ClassVar[Mapping[str, Any]] = {}
    batch_rows = BATCH_ROWS
    tolerance = 1e-4
    arrays = (
        ArraySpec("sums", (CONFIG.samples,), "float32", ("sample",)),
        ArraySpec("peak", (), "float16", ()),
    )

    def __init__(self, root: Path, dies_in_batch: int) -> None:
        self._counter = root / "computed"
        self._lives = dies_in_batch

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        time.sleep(SECONDS_PER_BATCH)
        self._lives -= 1
        if self._lives == 0:
            die()
        with self._counter.open("ab") as file:
            file.write(b"." * int(waves_BT.any(axis=1).sum()))
        peak = np.abs(waves_BT).max(axis=1)
        return {"sums": waves_BT.cumsum(axis=1), "peak": peak.astype(np.float16)}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_rename(name: str, before: bool) -> None:
    """Kill this process when a file whose path ends in `name` gets its name."""
    replace = os.replace

    def mortal(source: Path, target: Path) -> None:
        is_last = str(target).endswith(name)
        if is_last and before:
            die()
        replace(source, target)
        if is_last:
            die()

    os.replace = mortal  # type: ignore[assignment]


def segment(root: Path) -> pd.DataFrame:
    """The segment table; its waves are in the store."""
    store = waveform_store(CONFIG, root)
    rng = np.random.default_rng(0)
    waves = rng.integers(1, 2**15, (ROWS, CONFIG.samples)).astype(np.int16)
    shas = [f"{row:064x}" for row in range(ROWS)]
    keys = [store.spec.row_key(sha, 0) for sha in shas]
    if store.missing(keys):
        full = np.full(ROWS, CONFIG.samples, np.int64)
        counts = {"valid_samples": full, "clipped_samples": 0 * full, "total_samples": full}
        with store.writer() as writer:
            writer.append(keys, {"wave": waves, **counts})
    rows = [
        (f"u{row:02d}#0", f"u{row:02d}", 0, 0, CONFIG.samples, 0, shas[row], keys[row])
        for row in range(ROWS)
    ]
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def main(root: Path, part: str = "all", death: str = "none:") -> None:
    """Extract a part of the rows, and die on the way if told to."""
    layout.MOST_ROWS_PER_SHARD = ROWS_PER_SHARD
    kind, _, argument = death.partition(":")
    segments = segment(root)
    if kind in ("rename", "renamed"):
        die_at_rename(argument, before=kind == "rename")
    half = {"all": slice(None), "first": slice(ROWS // 2), "second": slice(ROWS // 2, None)}[part]
    toy = Toy(root, int(argument) if kind == "batch" else 0)
    try:
        digest = extract(toy, segments[half], CONFIG, root)
    except MfsnError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_status) from None
    digest.write(root / f"{part}.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
