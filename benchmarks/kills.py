"""Kill an extraction with SIGKILL again and again, and see that nothing is lost and nothing wrong.

Usage: python benchmarks/kills.py [--kills 50] [--seed 0]

A process that runs the extraction engine with a narrow extractor on synthetic waves dies at random
moments, each aimed at the phase that was hit least. In which phase it died is read from what it
left: a half-written shard, shards without a marker, or neither. After every kill all committed rows
are compared with the undisturbed extraction's, and the rows that it cost are counted; when an
extraction has come to its end, its digest and all rows are compared.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.base.arrays import Float32, Int64
from mfsn.features.extraction.extraction import extract
from mfsn.manifest import SEGMENTS, read_table, write_table
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import waveform_store
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify

CONFIG = SegmentConfig(duration_s=0.25, sample_rate_hz=8000)
SHARDS, ROWS_PER_SHARD, BATCH_ROWS = 10, 16, 4
ROWS = SHARDS * ROWS_PER_SHARD
SECONDS_PER_BATCH = 0.005
MOST_IN_FLIGHT = 2
"""Shards that a kill may cost: the one that is written, and the one that is computed meanwhile."""

COMPUTING, WRITING, COMMITTING = "computing", "inside a shard write", "between shard and marker"
PHASES = (COMPUTING, WRITING, COMMITTING)


class Bands:
    """Magnitudes of short spectra of a wave, and its peak."""

    name: ClassVar[str] = "mfcc"
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["segment"]] = "segment"
    context: ClassVar[Literal["segment"]] = "segment"
    parameters: ClassVar[Mapping[str, Any]] = {}
    about: ClassVar[Mapping[str, Any]] = {}
    batch_rows = BATCH_ROWS
    tolerance = 1e-4
    arrays = (
        ArraySpec("bands", (125, 129), "float32", ("frame", "bin")),
        ArraySpec("peak", (), "float16", ()),
    )

    def __init__(self, root: Path) -> None:
        self._counter = root / "computed"

    def extract(self, waves_BT: Float32, valid_B: Int64) -> dict[str, npt.NDArray[Any]]:  # noqa: ARG002
        """Compute a batch, slowly, and count its rows."""
        time.sleep(SECONDS_PER_BATCH)
        with self._counter.open("ab") as file:
            file.write(b"." * int(waves_BT.any(axis=1).sum()))
        frames = np.lib.stride_tricks.sliding_window_view(
            np.pad(waves_BT, ((0, 0), (0, 240))), 256, 1
        )
        bands = np.abs(np.fft.rfft(frames[:, ::16][:, :125])).astype(np.float32)
        return {"bands": bands, "peak": np.abs(waves_BT).max(axis=1).astype(np.float16)}


@dataclass
class Account:
    """What has happened so far."""

    phases: Counter[str] = field(default_factory=Counter)
    extractions: int = 0
    most_lost: int = 0
    """Rows that one kill cost."""


def main(kills: int, seed: int) -> None:
    moments, account = random.Random(seed), Account()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = new_store(Path(folder) / "undisturbed")
        run_to_the_end(undisturbed)
        while account.phases.total() < kills:
            root = new_store(Path(folder) / str(account.extractions))
            while account.phases.total() < kills and kill_once(root, undisturbed, moments, account):
                pass
            run_to_the_end(root)
            compare_in_the_end(root, undisturbed)
            account.extractions += 1
    print_account(account)


def new_store(root: Path) -> Path:
    """A store with the waves of all segments, and their table beside it."""
    store = waveform_store(CONFIG, root)
    waves = np.random.default_rng(0).integers(1, 2**15, (ROWS, CONFIG.samples)).astype(np.int16)
    shas = [f"{row:064x}" for row in range(ROWS)]
    keys = [store.spec.row_key(sha, 0) for sha in shas]
    full = np.full(ROWS, CONFIG.samples, np.int64)
    counts = {"valid_samples": full, "clipped_samples": 0 * full, "total_samples": full}
    with store.writer() as writer:
        writer.append(keys, {"wave": waves, **counts})
    rows = [
        (f"u{row:03d}#0", f"u{row:03d}", 0, 0, CONFIG.samples, 0, shas[row], keys[row])
        for row in range(ROWS)
    ]
    table = pd.DataFrame(rows, columns=SEGMENTS.names)
    write_table(root / "segments.parquet", table, SEGMENTS)
    return root


def start(root: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, __file__, "--extract", str(root)], env=environment)


def extract_all(root: Path) -> None:
    """What the process that is killed does."""
    layout.MOST_ROWS_PER_SHARD = ROWS_PER_SHARD
    segments = read_table(root / "segments.parquet", SEGMENTS)
    extract(Bands(root), segments, CONFIG, root).write(root / "bands.json")


def run_to_the_end(root: Path) -> None:
    if start(root).wait() != 0:
        raise SystemExit("an extraction that nobody killed failed")


def kill_once(root: Path, undisturbed: Path, moments: random.Random, account: Account) -> bool:
    """Start an extraction and kill it; False if it came to its end before."""
    spec = Digest.read(undisturbed / "bands.json").spec
    before, computed_before = set(Store(root, spec).committed()), computed(root)
    shards, aim = len(markers(root)) + moments.randint(0, 2), rarest(account, moments)
    process = start(root)
    while process.poll() is None and (computed(root) <= computed_before + BATCH_ROWS):
        time.sleep(0.001)
    while process.poll() is None and len(markers(root)) < shards:
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.03))
    while process.poll() is None and phase(root) != aim:
        pass
    seen = len(markers(root))
    process.kill()
    if process.wait() == 0:
        return False
    account.phases[phase(root)] += 1
    after = compare_after_a_kill(root, undisturbed)
    if not before <= after or len(markers(root)) < seen:
        raise SystemExit("a finished shard was lost")
    lost = computed(root) - computed_before - len(after - before)
    lost -= BATCH_ROWS if before else 0  # computed again to compare them
    account.most_lost = max(account.most_lost, lost)
    if lost > MOST_IN_FLIGHT * ROWS_PER_SHARD:
        raise SystemExit(f"a kill cost {lost} rows, more than the shards in flight")
    return True


def rarest(account: Account, moments: random.Random) -> str:
    """A phase in which fewest processes died."""
    fewest = min(account.phases[name] for name in PHASES)
    return moments.choice([name for name in PHASES if account.phases[name] == fewest])


def computed(root: Path) -> int:
    """How many rows the extractor has computed so far."""
    counter = root / "computed"
    return counter.stat().st_size if counter.exists() else 0


def markers(root: Path) -> set[str]:
    """Numbers of the shards that are committed."""
    return {path.stem for path in root.glob("mfcc/*/commits/[0-9]*.json")}


def phase(root: Path) -> str:
    """What the writer is doing, or was when it died, as the files show."""
    if any(root.glob("mfcc/*/*/.c.*.partial")):
        return WRITING
    shards = {int(path.name.split(".")[1]) for path in root.glob("mfcc/*/*/c.*")}
    return COMMITTING if shards - set(map(int, markers(root))) else COMPUTING


def compare_after_a_kill(root: Path, undisturbed: Path) -> set[str]:
    """See that every committed row is right; returns their keys."""
    spec = Digest.read(undisturbed / "bands.json").spec
    ours, theirs = Store(root, spec), Store(undisturbed, spec)
    keys = list(ours.committed())
    expected = theirs.read(keys)
    for name, rows in ours.read(keys).items():
        if rows.tobytes() != expected[name].tobytes():
            raise SystemExit(f"a row of {name} is wrong")
    return set(keys)


def compare_in_the_end(root: Path, undisturbed: Path) -> None:
    if (root / "bands.json").read_bytes() != (undisturbed / "bands.json").read_bytes():
        raise SystemExit("the digest differs from the undisturbed extraction's")
    if len(compare_after_a_kill(root, undisturbed)) != ROWS:
        raise SystemExit("rows are missing")
    report = verify(root)
    if not report.is_sound or report.rows != 2 * ROWS:  # waves and features, each row once
        raise SystemExit("\n".join(report.sentences()))


def print_account(account: Account) -> None:
    kills = account.phases.total()
    print(f"{kills} kills of {account.extractions} extractions of {ROWS} rows in {SHARDS} shards")
    print("| killed while | kills | |\n|---|---|---|")
    for name in PHASES:
        print(f"| {name} | {account.phases[name]} | {'#' * account.phases[name]} |")
    print(
        f"wrong rows: 0; finished shards lost: 0; a kill cost at most {account.most_lost} rows "
        f"({ROWS_PER_SHARD} a shard); digests and rows identical to the undisturbed extraction's"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--extract", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.extract:
        extract_all(asked.extract)
    else:
        main(asked.kills, asked.seed)
