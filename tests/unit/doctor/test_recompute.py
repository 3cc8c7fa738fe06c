"""`mfsn cache verify --repair` and `--recompute` in a workspace with a corpus of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from mfsn import cli
from mfsn.base.quantities import counted
from mfsn.features.extraction.extraction import extract
from mfsn.features.extraction.items import transcripts_of
from mfsn.features.registry import config_type, make_extractor
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table, write_table
from mfsn.params import load_params, outputs_of
from mfsn.segments.waves import segment_corpus, waveform_store
from mfsn.store import layout, marker
from mfsn.store.checkouts.lost_rows import lost_row_notes
from mfsn.store.digest import Digest
from mfsn.store.owners import register_owner
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify
from mfsn.workspace import Outputs

SECONDS = {"a": 1.0, "b": 7.0, "c": 2.5}
"""Five segments of three utterances."""
EXTRACTORS = ("functionals", "mfcc")


@dataclass
class Project:
    """A workspace after `extract`, whose store has two rows a shard."""

    outputs: Outputs
    store: Path
    recordings: Path

    def digest(self, extractor: str) -> Digest:
        return Digest.read(self.outputs.digest(extractor))

    def directory(self, extractor: str) -> Path:
        (path,) = (self.store / extractor).iterdir()
        return path

    def contents(self) -> dict[str, bytes]:
        """All rows by key and array, and all digests."""
        found = {path.name: path.read_bytes() for path in self.outputs.prepared.rglob("*.json")}
        for path in layout.directories(self.store):
            opened = layout.load(path)
            assert opened is not None
            store = Store(self.store, opened.spec)
            for key in store.committed():
                for array, row in store.read([key]).items():
                    found[f"{key} {array}"] = row.tobytes()
        return found


@pytest.fixture
def project(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 2)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    workspace, store, recordings = (tmp_path / name for name in ("workspace", "store", "toy"))
    workspace.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(checkout / name, workspace)
    monkeypatch.chdir(workspace)
    monkeypatch.setenv("MFSN_STORE", str(store))
    monkeypatch.setenv("MFSN_CORPUS_TOY", str(recordings))
    params = load_params(workspace)
    made = Project(replace(outputs_of(params, workspace), corpus="toy"), store, recordings)
    manifest = record(recordings)
    write_table(made.outputs.manifest, manifest, UTTERANCES)
    segments = segment_corpus(manifest, recordings, params.segment, store)
    write_table(made.outputs.segments, segments, SEGMENTS)
    register(made, made.outputs.segments, waveform_store(params.segment, store).spec.directory)
    for name in EXTRACTORS:
        extract_one(made, name)
    yield made


def extract_one(project: Project, name: str) -> None:
    """Do what the stage of an extractor does."""
    params = load_params(project.outputs.workspace)
    made_from = (params.segment.sample_rate_hz, params.segment.samples)
    extractor = make_extractor(name, getattr(params, name), *made_from)
    segments = read_table(project.outputs.segments, SEGMENTS)
    digest = extract(extractor, segments, params.segment, project.store)
    digest.write(project.outputs.digest(name))
    register(project, project.outputs.digest(name), digest.store)


def register(project: Project, path: Path, store: str) -> None:
    workspace = project.outputs.workspace
    register_owner(project.store, workspace, path.relative_to(workspace), store)


def record(folder: Path) -> pd.DataFrame:
    """Write noises, and give their manifest."""
    folder.mkdir()
    rng, rows = np.random.default_rng(0), []
    for name, seconds in SECONDS.items():
        noise = rng.integers(-9000, 9000, round(seconds * 16_000)).astype(np.int16)
        soundfile.write(folder / f"{name}.wav", noise, 16_000)
        sha = hashlib.sha256((folder / f"{name}.wav").read_bytes()).hexdigest()
        known = {"utterance_id": name, "path": f"{name}.wav", "audio_sha256": sha}
        rows.append(known | {"emotion": "sad", "duration_s": seconds, "licence": "none"})
    return pd.DataFrame(rows).reindex(columns=UTTERANCES.names).astype({"congruent": "boolean"})


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """Exit status and output of `mfsn cache verify ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["cache", "verify", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().out.splitlines()


def flip(path: Path, position: int = 3) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def flip_a_feature(project: Project) -> None:
    flip(project.directory("mfcc") / "mfcc/c.1.0.0")


def flip_a_wave(project: Project) -> None:
    flip(project.directory("waveform") / "wave/c.1.0")


def edit_a_marker(project: Project) -> None:
    flip(project.directory("functionals") / "commits/000000.json", 200)


def delete_the_waves(project: Project) -> None:
    shutil.rmtree(project.directory("waveform"))


def garble_the_description(project: Project) -> None:
    (project.directory("mfcc") / "zarr.json").write_text("{")


def delete_the_description(project: Project) -> None:
    (project.directory("mfcc") / "zarr.json").unlink()


def repro(project: Project) -> set[str]:
    """Run the stages whose rows `scan` says are missing, as DVC does; returns them."""
    params, outputs = load_params(project.outputs.workspace), project.outputs
    noted = set(lost_row_notes(outputs, project.store, EXTRACTORS))
    if "segment" in noted:
        manifest = read_table(outputs.manifest, UTTERANCES)
        segment_corpus(manifest, project.recordings, params.segment, project.store)
    for name in EXTRACTORS:
        if f"extract-{name}" in noted:
            extract_one(project, name)
    return noted


@pytest.mark.parametrize(
    ("damage", "lost", "stages"),
    [
        (flip_a_feature, 1, {"extract-mfcc"}),
        (flip_a_wave, 1, {"segment"}),
        (edit_a_marker, 2, {"extract-functionals"}),
        (delete_the_waves, 5, {"segment"}),
        (garble_the_description, 0, set()),
        (delete_the_description, 0, set()),
    ],
)
def test_repair_takes_out_what_is_damaged_and_the_stages_compute_the_same_bytes(
    project: Project, capsys: pytest.CaptureFixture[str], damage: Any, lost: int, stages: set[str]
) -> None:
    before = project.contents()
    damage(project)
    assert run(capsys)[0] == 1
    status, said = run(capsys, "--repair")
    assert status == bool(lost)
    if lost:
        assert f"it names {counted(lost, 'row')} not in" in said[-1]
        assert f"`dvc repro` in {project.outputs.workspace} computes them" in said[-1]
    else:
        assert said[-1] == "everything is repaired"
    assert repro(project) == stages
    assert run(capsys)[0] == 0
    assert project.contents() == before


def test_waves_come_back_before_what_is_made_of_them(project: Project) -> None:
    before = project.contents()
    delete_the_waves(project)
    shutil.rmtree(project.directory("mfcc"))
    assert repro(project) == {"segment", "extract-mfcc"}
    assert project.contents() == before


@pytest.mark.parametrize("only", [[], ["--extractor", "mfcc"]])
def test_a_damaged_digest_keeps_no_other_rows_from_being_repaired(
    project: Project, capsys: pytest.CaptureFixture[str], only: list[str]
) -> None:
    flip_a_feature(project)
    project.outputs.digest("functionals").write_text("{ broken")
    status, said = run(capsys, "--repair", *only)
    assert any("mfcc.json: it names 1 row not in mfcc/" in line for line in said)
    assert "functionals.json is not a digest" in said[0]
    assert status == 1
    assert repro(project) == {"extract-mfcc"}
    assert run(capsys, *only)[0] == (0 if only else 1)


def test_a_damaged_segment_table_keeps_no_other_rows_from_being_compared(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.outputs.segments.write_text("{")
    status, said = run(capsys, "--recompute", "1", "--extractor", "waveform")
    assert status == 1 and "segments.parquet" in said[0]


def test_a_forged_marker_shows_when_rows_are_computed_again(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    before = project.contents()
    forge(project.directory("mfcc"))
    assert verify(project.store).is_sound  # its checksums and its seal are right
    status, said = run(capsys, "--recompute", "5")
    assert status == 1
    assert sum("all equal to the cached ones" in line for line in said) == 2
    assert any("5 rows computed again, 2 of them differ" in line for line in said)
    assert project.contents() != before
    status, said = run(capsys, "--recompute", "5", "--repair")
    assert status == 1
    assert "it names 2 rows not in mfcc/" in said[-1]
    assert repro(project) == {"extract-mfcc"}
    assert project.contents() == before
    assert run(capsys, "--recompute", "5")[0] == 0


def forge(directory: Path) -> None:
    """Let two rows have each other's keys, under a seal that fits."""
    found = layout.load(directory)
    assert found is not None
    (first, *_), _ = marker.read_all(found)
    marker.write(found, replace(first, keys=first.keys[::-1]))


def test_waves_that_are_not_the_recordings_show(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    forge(project.directory("waveform"))
    status, said = run(capsys, "--recompute", "5", "--extractor", "waveform")
    assert status == 1
    assert "2 of them differ" in said[-1]


def test_rows_of_texts_are_computed_again_while_the_texts_are_the_same(
    project: Project, capsys: pytest.CaptureFixture[str], wordcount: str
) -> None:
    params, manifest = load_params(project.outputs.workspace), record_words(project, "no", "no")
    made = make_extractor(wordcount, config_type(wordcount)(), 16_000, 48_000)
    segments, said = read_table(project.outputs.segments, SEGMENTS), transcripts_of(manifest)
    digest = extract(made, segments, params.segment, project.store, transcripts=said)
    digest.write(project.outputs.digest(wordcount))
    status, lines = run(capsys, "--recompute", "5", "--extractor", wordcount)
    assert (status, lines[-1]) == (
        0, f"{digest.store}: 3 rows computed again, all equal to the cached ones"
    )  # fmt: skip
    record_words(project, "no", "yes")
    status, lines = run(capsys, "--recompute", "5", "--extractor", wordcount)
    assert status == 1
    assert "wordcount.json names another row of c than the tables beside it" in lines[-1]


def record_words(project: Project, *last: str) -> pd.DataFrame:
    """Write transcripts into the manifest; returns it."""
    manifest = read_table(project.outputs.manifest, UTTERANCES)
    manifest = manifest.assign(transcript=["oh well", *last])
    write_table(project.outputs.manifest, manifest, UTTERANCES)
    return manifest


def test_rows_that_cannot_be_computed_are_no_proof(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.recordings.rename(project.recordings.with_name("away"))
    status, said = run(capsys, "--recompute", "1", "--extractor", "waveform")
    assert status == 1
    assert "not computed again: there is no corpus" in said[-1]
