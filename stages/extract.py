"""Stage `extract@NAME`: bring an extractor's rows into the store; its digest goes to DVC."""

import sys
from functools import partial
from pathlib import Path

import pandas as pd

from _start import run
from mfsn.base.files import read_json, write_text
from mfsn.cluster.connection import ray_address
from mfsn.doctor.encoder_pair import extract_both, refuse_unlike_encoders
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.items import Transcripts, transcripts_of
from mfsn.features.extraction.notes import Check
from mfsn.features.ray.engine import RayEngine
from mfsn.features.registry import make_extractor, scope_of
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.params import Stage, load_params
from mfsn.segments.waves import waveform_store
from mfsn.store.digest import Digest
from mfsn.store.owners import note_use, register_owner
from mfsn.workspace import NOTHING, Outputs, main_checkout, store_root


def extract_one(stage: Stage) -> None:
    """Read the segment table, compute what is missing, write the digest, register it."""
    name = stage.name.partition("@")[2]
    outputs, segment, root = stage.outputs, stage.params.segment, store_root()
    segments = read_table(outputs.segments, SEGMENTS)
    path = outputs.digest(name)
    if not is_read(name, outputs.workspace):
        write_text(path, NOTHING)
        print(f"extract: the system does not read {name}; nothing is extracted")
        return
    check = Check.of(name, stage.params.section(name), segment, root)
    said = transcripts(name, outputs)
    digest = check.digest(segments, said)
    if digest is None:
        digest = _extracted(stage, name, segments, said, check)
    digest.write(path)
    register_owner(root, main_checkout(), path.relative_to(outputs.workspace), digest.store)
    note_use(root, outputs.segments, waveform_store(segment, root).spec.directory)


def is_read(name: str, workspace: Path) -> bool:
    """Whether rows of an extractor are to be made.

    `scan` has noted it in a file that this stage depends on. The parameters that decide it are no
    dependency of this stage: they count only where it is run by itself in a fresh workspace.
    """
    noted = workspace / "data" / "code" / f"extract-{name}.json"
    return (
        bool(read_json(noted)["read"]) if noted.is_file() else name in load_params(workspace).read
    )


def transcripts(name: str, outputs: Outputs) -> Transcripts | None:
    """What is said in each utterance; only extractors of texts ask for it."""
    if scope_of(name) != "text":
        return None
    return transcripts_of(read_table(outputs.manifest, UTTERANCES))


def _extracted(
    stage: Stage, name: str, segments: pd.DataFrame, said: Transcripts | None, check: Check
) -> Digest:
    """Compute the rows, together with those of another extractor if one pass gives both."""
    workspace, segment, root = stage.outputs.workspace, stage.params.segment, store_root()
    cut = (segment.sample_rate_hz, segment.samples, segment.reading)
    make = partial(make_extractor, name, stage.params.section(name), *cut)
    address, extractor = ray_address(), make()
    engine = RayEngine(address, make, segment, root) if address else None
    digest = None if engine else extract_both(workspace, extractor, segments, root)
    if digest is None:
        refuse_unlike_encoders(workspace, extractor)
        digest = extract(extractor, segments, segment, root, engine, transcripts=said)
        check.note(extractor, digest)
    return digest


if __name__ == "__main__":
    run(f"extract@{sys.argv[1]}", extract_one)
