"""What the cache costs as it grows: time and peak memory at 1,000, 10,000 and 100,000 rows.

Usage: python benchmarks/scale.py [--rows 1000 10000 100000] [--rounds 3] [--folder FOLDER]

Rows are narrow (160 samples in, 4 numbers out), so that what is measured is the bookkeeping. Every
measurement is a process of its own; its time and peak memory (VmHWM) contain the interpreter and
libraries, which the line `imports` shows by themselves. Medians are printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.arrays import Float32, Int64
from mfsn.features.base import Extractor
from mfsn.features.extraction.extraction import extract
from mfsn.manifest import SEGMENTS, read_table, write_table
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store.owners import register_owner
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec

SEGMENT = SegmentConfig(duration_s=0.01)
COMMAND = "mfsn cache ls"
COMMAND_CODE = """
from mfsn.cli import main
try:
    main(["cache", "ls"])
finally:
    print(int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024)
"""


class NarrowSegment:
    """Four statistics of a wave."""

    name: ClassVar[str] = "narrow-segment"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment", "utterance"]] = "segment"
    context: ClassVar[Literal["segment", "utterance"]] = "segment"
    batch_rows = 64
    tolerance = 1e-6
    parameters: Mapping[str, Any] = {}
    about: Mapping[str, Any] = {"config": {}, "weights": "none"}
    arrays = (ArraySpec("values", (4,), "float32", ("statistic",)),)

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:
        """Mean, deviation, minimum and length."""
        values = [waves_BT.mean(1), waves_BT.std(1), waves_BT.min(1), valid_B]
        return {"values": np.stack(values, axis=1).astype(np.float32)}


class NarrowUtterance(NarrowSegment):
    """The same with one row an utterance."""

    name: ClassVar[str] = "narrow-utterance"
    scope: ClassVar[Literal["segment", "utterance"]] = "utterance"
    context: ClassVar[Literal["segment", "utterance"]] = "utterance"
    batch_rows = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: temporary)")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "ROWS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.folder, asked.measure[0], int(asked.measure[1]))
    else:
        report({rows: curve(rows, asked.rounds, asked.folder) for rows in asked.rows})


def curve(rows: int, rounds: int, parent: Path | None) -> dict[str, tuple[float, float]]:
    """Seconds and peak MB of each measurement, in a store made for it."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        started = time.perf_counter()
        prepare(Path(folder), rows, rounds)
        print(f"{rows} rows written in {time.perf_counter() - started:.1f} s", file=sys.stderr)
        found: dict[str, list[tuple[float, float]]] = {what: [] for what in MEASUREMENTS}
        for turn in range(rounds):
            for what in MEASUREMENTS:
                more = turn + 1 if "new" in what else turn
                found[what].append(in_a_process(Path(folder), what, rows + more))
    return {
        what: (statistics.median(s for s, _ in times), statistics.median(m for _, m in times))
        for what, times in found.items()
    }


def prepare(folder: Path, rows: int, rounds: int) -> None:
    """Waves of some more utterances than are extracted, the segment table and both digests."""
    store = waveform_store(SEGMENT, folder / "store")
    shas = [f"{row:064x}" for row in range(rows + rounds)]
    keys = [store.spec.row_key(sha, 0) for sha in shas]
    wave = np.random.default_rng(0).integers(-9999, 9999, SEGMENT.samples).astype(np.int16)
    with store.writer() as writer:
        for first in range(0, len(keys), 512):
            own = keys[first : first + 512]
            counts = {a.name: np.full(len(own), 160) for a in store.spec.arrays if a.name != "wave"}
            writer.append(own, {"wave": np.tile(wave, (len(own), 1)), **counts})
    names = [f"utterance-{row:06d}" for row in range(len(shas))]
    table = pd.DataFrame(
        {"segment_id": [f"{name}#0" for name in names], "utterance_id": names, "index": 0,
         "start_sample": 0, "valid_samples": 160, "clipped_samples": 0, "audio_sha256": shas,
         "row_key": keys}
    )  # fmt: skip
    write_table(folder / "segments.parquet", table, SEGMENTS)
    run_segments(folder, rows)
    run_utterances(folder, rows)


def run_extract(folder: Path, extractor: Extractor, rows: int) -> None:
    """What stages/extract.py does, for the first rows of the table."""
    table = read_table(folder / "segments.parquet", SEGMENTS).head(rows)
    digest = extract(extractor, table, SEGMENT, folder / "store")
    path = folder / f"{extractor.name}.json"
    digest.write(path)
    register_owner(folder / "store", folder, path.relative_to(folder), digest.store)


def run_imports(_folder: Path, _rows: int) -> None:
    """Nothing else."""


def run_open(folder: Path, _rows: int) -> None:
    FeatureReader.open(folder / f"{NarrowSegment.name}.json", folder / "store")


def run_segments(folder: Path, rows: int) -> None:
    run_extract(folder, NarrowSegment(), rows)


def run_utterances(folder: Path, rows: int) -> None:
    run_extract(folder, NarrowUtterance(), rows)


MEASUREMENTS: dict[str, Callable[[Path, int], None]] = {
    "imports": run_imports,
    COMMAND: run_imports,  # a process of its own kind, see `in_a_process`
    "open and verify a digest": run_open,
    "extract, nothing to do": run_segments,
    "extract, 1 new utterance": run_segments,
    "extract, one row an utterance, nothing to do": run_utterances,
    "extract, one row an utterance, 1 new utterance": run_utterances,
}


def measure(folder: Path, what: str, rows: int) -> None:
    """Do it, and print the peak memory in MB as the last line."""
    MEASUREMENTS[what](folder, rows)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def in_a_process(folder: Path, what: str, rows: int) -> tuple[float, float]:
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", what, str(rows)]
    if what == COMMAND:
        command = [sys.executable, "-c", COMMAND_CODE]
    environment = os.environ | {"MFSN_STORE": str(folder / "store")}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return time.perf_counter() - started, float(done.stdout.splitlines()[-1])


def report(curves: dict[int, dict[str, tuple[float, float]]]) -> None:
    print(f"{os.cpu_count()} processors; seconds and peak memory of whole processes")
    titles = [f"{rows:,} rows" for rows in curves]
    print(f"| | {' | '.join(titles)} |\n|---{'|---' * len(curves)}|")
    for what in MEASUREMENTS:
        found = (curve[what] for curve in curves.values())
        cells = [f"{seconds:.2f} s, {peak:.0f} MB" for seconds, peak in found]
        print(f"| {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
