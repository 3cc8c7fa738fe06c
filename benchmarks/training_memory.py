"""Peak memory of training, and the share of its time that it waits for features.

Usage: python benchmarks/training_memory.py [--segments 500 1000 2000] [--folder FOLDER]

One fold of a corpus of random rows as wide as base-size encoders give them (1.1 MB a segment) is
searched for one epoch, with the features held in memory and with the features left in the store.
The network is the demo's, as small as networks get here, so that waiting would show. Every
measurement is a process of its own; peak memory (VmHWM) contains the interpreter and torch.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from mfsn.corpora.config import LabelsConfig
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.models.config import ModelConfig
from mfsn.protocols.config import ProtocolConfig
from mfsn.segments.config import SegmentConfig
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.systems.search import RESULT
from mfsn.systems.searching.fits import SearchFits
from mfsn.training.config import (
    OptimisationConfig,
    SearchConfig,
    SelectionConfig,
)
from mfsn.training.experiment import Experiment
from mfsn.training.plan_units import plan_units
from mfsn.training.system import get_system
from mfsn.workspace import Outputs

ENCODER = ("frame", "feature")
ARRAYS = {
    "sec": tuple(ArraySpec(n, (149, 768), "float16", ENCODER) for n in ("low", "mid", "high")),
    "tec": (ArraySpec("last", (149, 768), "float16", ENCODER),),
    "spectrogram": (
        ArraySpec("level_db", (300, 200), "float16", ("frame", "bin")),
        ArraySpec("max_db", (), "float32", ()),
    ),
    "mfcc": (ArraySpec("mfcc", (300, 40), "float32", ("frame", "coefficient")),),
}
CLASSES = ("angry", "sad")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, nargs="+", default=[500, 1000, 2000])
    parser.add_argument("--folder", type=Path, help="on the disk to measure (default: temporary)")
    parser.add_argument("--measure", choices=("memory", "store"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.folder, asked.measure)
        return
    print("| segments | features, MB | rows in | peak, MB | what the unit says |")
    print("|---|---|---|---|---|")
    for count in asked.segments:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            prepare(Path(folder), count)
            for where in ("memory", "store"):
                print(f"| {count} | {in_a_process(Path(folder), where)} |")


def experiment_in(folder: Path) -> Experiment:
    return Experiment(
        system=get_system("mfsn"),
        seeds=(0,),
        labels=LabelsConfig(classes=list(CLASSES)),
        segment=SegmentConfig(),
        protocol=ProtocolConfig(name="leave_one_session_out"),
        model=ModelConfig(
            projection=32, hidden=32, alexnet_width=0.125, image_px=(64, 96), mfcc_hidden=24,
            mfcc_layers=2,
        ),
        optimisation=OptimisationConfig(epochs=1, batch_size=32),
        search=SearchConfig(),
        selection=SelectionConfig(),
        outputs=Outputs(folder, "random", "memory"),
        store=folder / "store",
        code={},
    )  # fmt: skip


def prepare(folder: Path, count: int) -> None:
    """Tables, digests, and a store with a row of noise for every segment."""
    outputs, numbers = Outputs(folder, "random", "memory"), range(count)
    names = [f"u{number}" for number in numbers]
    shas = [f"{number:064x}" for number in numbers]
    manifest = pd.DataFrame(
        {"utterance_id": names, "path": names, "audio_sha256": shas, "duration_s": 3.0,
         "speaker": [f"s{number % 10}" for number in numbers],
         "session": [f"{number % 10 // 2}" for number in numbers],
         "emotion": [CLASSES[number // 10 % 2] for number in numbers], "licence": "none"}
    ).reindex(columns=UTTERANCES.names)  # fmt: skip
    numeric = {"valence": float, "arousal": float, "dominance": float}
    write_table(outputs.manifest, manifest.astype(numeric), UTTERANCES)
    segments = pd.DataFrame(
        {"segment_id": [f"{name}#0" for name in names], "utterance_id": names, "index": 0,
         "start_sample": 0, "valid_samples": 48_000, "clipped_samples": 0, "audio_sha256": shas,
         "row_key": shas}
    )  # fmt: skip
    write_table(outputs.segments, segments, SEGMENTS)
    generator = np.random.default_rng(0)
    for extractor, arrays in ARRAYS.items():
        spec = StoreSpec(extractor, {"benchmark": "memory"}, arrays)
        keys = [spec.row_key(sha, 0) for sha in shas]
        with Store(folder / "store", spec).writer() as writer:
            for key in keys:
                rows = {a.name: generator.random((1, *a.shape), np.float32) for a in arrays}
                writer.append([key], rows)
        digest = Digest.of(spec, {}, dict(zip(segments["segment_id"], keys, strict=True)))
        digest.write(outputs.digest(extractor))


def measure(folder: Path, where: str) -> None:
    """Search one fold; the last line has the feature bytes, the peak and what the unit says."""
    experiment = experiment_in(folder)
    unit = plan_units(experiment, "search", f"{where}-{RESULT}")[0]
    line = SearchFits(experiment, streaming=where == "store").open()(unit)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    said = line.rpartition("; ")[2]
    print(f"{experiment.sizes.row_bytes / 2**20:.0f} | {where} | {peak:.0f} | {said}")


def in_a_process(folder: Path, where: str) -> str:
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", where]
    environment = {"OMP_NUM_THREADS": "1", "MFSN_DEVICE": "cpu"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    main()
