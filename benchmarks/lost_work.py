"""Measure the work that a kill costs an extraction with a real encoder.

    python benchmarks/lost_work.py CHECKPOINT CORPUS [--kills N] [--seed S]

CHECKPOINT is an encoder in the transformers format, such as Whisper-base. CORPUS is a folder with
FLAC files, such as RAVDESS. The extraction runs in a process of its own, which notes when each
batch begins and ends, and its rows. It is killed at a random moment, by SIGKILL, SIGTERM or Ctrl-C
in turn, and started again on the same store. The work that is lost is the time from the end of the
last batch whose rows are committed to the kill. How much of it is the batch that was being computed
stands beside it. Batches that are computed again to compare them do not count.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mfsn import runtime
from mfsn.features.config import EncoderConfig
from mfsn.features.extraction.batches import MissingRows, RowMaker
from mfsn.features.extraction.extraction import Wanted, extract
from mfsn.features.registry import make_extractor
from mfsn.manifest import SEGMENTS, completed, read_table, write_table
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus, waveform_store
from mfsn.store.upkeep.verify import verify

CUT = SegmentConfig()
LEVELS = {"low": 2, "mid": 4, "high": 6}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGEST_S = 90.0
"""The latest moment of a kill, after the first batch."""


class Kill(NamedTuple):
    """One kill of an extraction, and its price."""

    signal: str
    after_s: float
    """Seconds from the end of the first batch to the kill."""
    lost_s: float
    """Seconds from the end of the last batch whose rows are committed to the kill."""
    unfinished_s: float
    """Seconds for which the batch that was being computed had been computed; a part of `lost_s`."""
    finished_batches: int
    """Batches that had ended, and whose rows are lost all the same."""


def main(checkpoint: Path, corpus: Path, kills: int, seed: int) -> None:
    moments, signals, suffered = random.Random(seed), cycle(SIGNALS), list[Kill]()
    print("| killed by | after, s | lost, s | unfinished batch, s | finished batches lost |")
    with tempfile.TemporaryDirectory() as folder:
        root = segmented(Path(folder), corpus)
        while len(suffered) < kills:
            kill = kill_once(root, checkpoint, next(signals), moments.uniform(1, LONGEST_S))
            if kill is None:
                raise SystemExit(f"all was extracted after {len(suffered)} kills; use more speech")
            suffered.append(kill)
            print(f"| {kill.signal} | {kill.after_s:.0f} | {kill.lost_s:.1f} | "
                  f"{kill.unfinished_s:.1f} | {kill.finished_batches} |", flush=True)  # fmt: skip
        report = verify(root, extractor="sec")
        if not report.is_sound:
            raise SystemExit("\n".join(report.sentences()))
    print_account(suffered)


def segmented(root: Path, corpus: Path) -> Path:
    """A store with the waves of all recordings, and their table beside it."""
    paths = sorted(corpus.rglob("*.flac"))
    shas = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    names = [path.relative_to(corpus).as_posix() for path in paths]
    about = {"utterance_id": names, "path": names, "audio_sha256": shas, "emotion": "unknown"}
    table = segment_corpus(completed(pd.DataFrame(about)), corpus, CUT, root)
    write_table(root / "segments.parquet", table, SEGMENTS)
    return root


def kill_once(root: Path, checkpoint: Path, kind: signal.Signals, after_s: float) -> Kill | None:
    """Start the extraction, kill it and count what that cost; None if it had ended before."""
    log = root / "batches"
    log.write_text("")
    process = subprocess.Popen([sys.executable, __file__, str(checkpoint), "--extract", str(root)])
    while process.poll() is None and "ended" not in log.read_text():
        time.sleep(0.05)
    time.sleep(after_s)
    if process.poll():
        raise SystemExit(f"the extraction ended by itself, with status {process.returncode}")
    killed_at = time.monotonic()
    process.send_signal(kind)
    if process.wait() == 0:
        return None
    missing = set(wanted_rows(root, encoder(checkpoint)).missing())
    begun, kept_until, finished = 0.0, 0.0, 0
    for line in log.read_text().splitlines():
        word, moment, *keys = line.split()
        if word == "begun":
            begun, kept_until = float(moment), kept_until or float(moment)
        elif missing.isdisjoint(keys):
            begun, kept_until = 0.0, float(moment)
        else:
            begun, finished = 0.0, finished + 1
    unfinished_s = max(0.0, killed_at - begun) if begun else 0.0
    return Kill(kind.name, after_s, max(0.0, killed_at - kept_until), unfinished_s, finished)


def encoder(checkpoint: Path) -> Any:
    config = EncoderConfig(model=str(checkpoint), levels=LEVELS, context="segment")
    return make_extractor("sec", config, CUT.sample_rate_hz, CUT.samples)


def wanted_rows(root: Path, extractor: Any) -> Wanted:
    segments = read_table(root / "segments.parquet", SEGMENTS)
    return Wanted.of(extractor, segments, CUT, root)


@dataclass(frozen=True)
class NotingEngine:
    """The engine of this process, which notes when each batch begins and ends."""

    maker: RowMaker
    log: Path

    def fill(self, missing: MissingRows) -> None:
        """Compute and commit rows."""
        self._note("begun")
        for keys, rows in self.maker.batches(missing.items):
            self._note("ended", *keys)
            missing.writer.append(keys, rows)
            self._note("begun")

    def _note(self, word: str, *keys: str) -> None:
        with self.log.open("a", encoding="ascii") as file:
            file.write(f"{' '.join((word, str(time.monotonic()), *keys))}\n")


def extract_all(root: Path, checkpoint: Path) -> None:
    """What the process that is killed does."""
    logging.getLogger("mfsn").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as every stage does
    # A shell that starts this script in the background lets it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    extractor = encoder(checkpoint)
    engine = NotingEngine(RowMaker(extractor, waveform_store(CUT, root), CUT), root / "batches")
    try:
        extract(extractor, read_table(root / "segments.parquet", SEGMENTS), CUT, root, engine)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def print_account(suffered: list[Kill]) -> None:
    print(f"{len(suffered)} kills, {runtime.threads()} threads, load {os.getloadavg()[1]:.1f}")
    for kind in SIGNALS:
        seconds = [kill.lost_s for kill in suffered if kill.signal == kind.name]
        if seconds:
            mean = sum(seconds) / len(seconds)
            print(f"{kind.name}: {len(seconds)} kills, lost {mean:.1f} s on average, "
                  f"{max(seconds):.1f} s at most")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--extract", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.extract:
        extract_all(asked.extract, asked.checkpoint)
    elif asked.corpus is None:
        parser.error("name the folder of the corpus")
    else:
        main(asked.checkpoint, asked.corpus, asked.kills, asked.seed)
