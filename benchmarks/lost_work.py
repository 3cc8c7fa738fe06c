"""Measure the work that a kill costs an extraction with a real encoder.

    python benchmarks/lost_work.py CHECKPOINT CORPUS [--kills N] [--seed S]

CHECKPOINT is an encoder in the transformers format, such as Whisper-base. CORPUS is a folder with
FLAC files, such as RAVDESS. The extraction runs in a process of its own, which notes when each
batch is computed. It is killed at a random moment, by SIGKILL, SIGTERM or Ctrl-C in turn, and
started again on the same store. The work that is lost is the time from the end of the last batch
whose rows are committed to the kill. It is printed with the part of it that the batch under way had
taken. Batches that are computed again to compare them do not count.
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
from typing import Any

import pandas as pd

from mfsn import runtime
from mfsn.features.config import EncoderConfig
from mfsn.features.extraction.extraction import Wanted, extract
from mfsn.features.registry import make_extractor
from mfsn.manifest import SEGMENTS, completed, read_table, write_table
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import segment_corpus
from mfsn.store.upkeep.verify import verify

CUT = SegmentConfig()
LEVELS = {"low": 2, "mid": 4, "high": 6}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LONGEST_S = 90.0
"""The latest moment of a kill, after the first batch."""


@dataclass(frozen=True)
class Lost:
    """What a kill cost, in seconds."""

    seconds: float
    """Since the end of the last batch whose rows are committed."""
    under_way_s: float
    """Since the beginning of the batch that was being computed; 0 if there was none."""


def main(checkpoint: Path, corpus: Path, kills: int, seed: int) -> None:
    moments, signals, lost = random.Random(seed), cycle(SIGNALS), list[tuple[str, Lost]]()
    with tempfile.TemporaryDirectory() as folder:
        root = segmented(Path(folder), corpus)
        while len(lost) < kills:
            kind, after_s = next(signals), moments.uniform(1, LONGEST_S)
            found = kill_once(root, checkpoint, kind, after_s)
            if found is None:
                raise SystemExit(f"the extraction ended after {len(lost)} kills; use more speech")
            lost.append((kind.name, found))
            figures = f"{after_s:.0f} | {found.seconds:.1f} | {found.under_way_s:.1f}"
            print(f"| {kind.name} | {figures} |", flush=True)
        report = verify(root, extractor="sec")
        if not report.is_sound:
            raise SystemExit("\n".join(report.sentences()))
    print_account(lost)


def segmented(root: Path, corpus: Path) -> Path:
    """A store with the waves of all recordings, and their table beside it."""
    paths = sorted(corpus.rglob("*.flac"))
    shas = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    names = [path.relative_to(corpus).as_posix() for path in paths]
    about = {"utterance_id": names, "path": names, "audio_sha256": shas, "emotion": "unknown"}
    table = segment_corpus(completed(pd.DataFrame(about)), corpus, CUT, root)
    write_table(root / "segments.parquet", table, SEGMENTS)
    return root


def kill_once(root: Path, checkpoint: Path, kind: signal.Signals, after_s: float) -> Lost | None:
    """Start the extraction and kill it; the work that it cost, None if it had ended."""
    extractor = encoder(checkpoint)
    segments = read_table(root / "segments.parquet", SEGMENTS)
    wanted = Wanted.of(extractor, segments, CUT, root)
    before, log = len(wanted.missing()), root / "batches"
    log.write_text("")
    process = subprocess.Popen([sys.executable, __file__, str(checkpoint), "--extract", str(root)])
    while process.poll() is None and "ended" not in log.read_text():
        time.sleep(0.05)
    time.sleep(after_s)
    killed_at = time.monotonic()
    process.send_signal(kind)
    if process.wait() == 0:
        return None
    lines = [line.split() for line in log.read_text().splitlines()]
    begun = [float(moment) for event, moment, _ in lines if event == "begun"]
    ends = [(float(moment), int(rows)) for event, moment, rows in lines if event == "ended"]
    new = before - len(wanted.missing())
    done, kept_until = 0, begun[0]
    for end, rows in ends:
        done += rows
        if done <= new:
            kept_until = end
    under_way_s = killed_at - begun[-1] if len(begun) > len(ends) else 0.0
    return Lost(max(0.0, killed_at - kept_until), max(0.0, under_way_s))


def encoder(checkpoint: Path) -> Any:
    config = EncoderConfig(model=str(checkpoint), levels=LEVELS, context="segment")
    return make_extractor("sec", config, CUT.sample_rate_hz, CUT.samples)


def extract_all(root: Path, checkpoint: Path) -> None:
    """What the process that is killed does."""
    logging.getLogger("mfsn").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as every stage does
    extractor = encoder(checkpoint)
    segments = read_table(root / "segments.parquet", SEGMENTS)
    wanted = Wanted.of(extractor, segments, CUT, root)
    there = len(wanted.items.keys) - len(wanted.missing())
    compute, compared = extractor.extract, [bool(there)]  # the first batch compares cached rows

    def note(event: str, rows: int = 0) -> None:
        with (root / "batches").open("a", encoding="ascii") as file:
            file.write(f"{event} {time.monotonic()} {rows}\n")

    def noted(waves: Any, valid: Any) -> Any:
        if compared[0]:
            compared[0] = False
            return compute(waves, valid)
        note("begun")
        rows = compute(waves, valid)
        note("ended", int(waves.any(axis=1).sum()))
        return rows

    extractor.extract = noted
    try:
        extract(extractor, segments, CUT, root)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def print_account(lost: list[tuple[str, Lost]]) -> None:
    print(f"{len(lost)} kills, {runtime.threads()} threads, load {os.getloadavg()[1]:.1f}")
    for kind in SIGNALS:
        seconds = [each.seconds for name, each in lost if name == kind.name]
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
