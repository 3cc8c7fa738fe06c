"""What `scan` tells DVC about rows that are missing, in a workspace whose stages nobody runs."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.errors import MissingRowError
from mfsn.manifest import SEGMENTS, write_table
from mfsn.store import marker
from mfsn.store.checkouts.lost_rows import lost_row_notes
from mfsn.store.digest import Digest
from mfsn.store.owners import register_owner
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.workspace import NOTHING, Outputs

ROWS = 4
EXTRACTORS = ("mfcc", "sec")


def spec(name: str, version: int = 1) -> StoreSpec:
    arrays = (ArraySpec(name, (2,), "float32", ("frame",)),)
    return StoreSpec(name, {"extractor": name, "version": version}, arrays)


def keys(of: StoreSpec) -> dict[str, str]:
    return {f"u{row}#0": of.row_key(f"audio-{row}", 0) for row in range(ROWS)}


@dataclass
class Workspace:
    """A workspace of which `mfcc`, `sec` and waves are extracted."""

    outputs: Outputs
    store: Path

    def fill(self, of: StoreSpec) -> None:
        """Commit all rows of an extractor."""
        with Store(self.store, of).writer() as writer:
            values = np.zeros((ROWS, 2), np.float32)
            writer.append(list(keys(of).values()), {of.extractor: values})

    def extract(self, of: StoreSpec) -> Path:
        """Commit the rows, write and register the digest, as the stage does."""
        self.fill(of)
        path = self.outputs.digest(of.extractor)
        Digest.of(of, {}, keys(of)).write(path)
        self.register(path, of)
        return path

    def cut(self) -> Path:
        """The same for waves."""
        of, path = spec("waveform"), self.outputs.segments
        self.fill(of)
        rows = [(s, s[:2], 0, 0, 2, 0, f"audio-{s[1]}", key) for s, key in keys(of).items()]
        write_table(path, pd.DataFrame(rows, columns=SEGMENTS.names), SEGMENTS)
        self.register(path, of)
        return path

    def register(self, path: Path, of: StoreSpec) -> None:
        workspace = self.outputs.workspace
        register_owner(self.store, workspace, path.relative_to(workspace), of.directory)

    def lock(self, path: Path) -> None:
        """Let dvc.lock and DVC's cache hold a digest."""
        md5, workspace = hashlib.md5(path.read_bytes()).hexdigest(), self.outputs.workspace
        cached = workspace / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
        cached.parent.mkdir(parents=True)
        shutil.copyfile(path, cached)
        out = {"path": path.relative_to(workspace).as_posix(), "md5": md5}
        lock = {"schema": "2.0", "stages": {"extract": {"cmd": "extract", "outs": [out]}}}
        (workspace / "dvc.lock").write_text(yaml.safe_dump(lock))

    def drop(self, of: StoreSpec) -> None:
        """Lose all rows of an extractor, as garbage collection does."""
        shutil.rmtree(self.store / of.directory)

    def noted(self) -> set[str]:
        return set(lost_row_notes(self.outputs, self.store, EXTRACTORS))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    workspace = tmp_path / "workspace"
    (workspace / ".dvc").mkdir(parents=True)
    (workspace / ".dvc" / "config").touch()
    made = Workspace(Outputs(workspace, "toy", "any"), tmp_path / "store")
    made.extract(spec("mfcc"))
    made.extract(spec("sec"))
    made.cut()
    return made


def test_nothing_is_noted_while_all_rows_are_there(made: Workspace) -> None:
    assert made.noted() == made.noted() == set()


@pytest.mark.parametrize(
    ("name", "stage"), [("mfcc", "extract-mfcc"), ("sec", "extract-sec"), ("waveform", "segment")]
)
def test_the_stage_that_makes_lost_rows_is_noted_until_they_are_there(
    made: Workspace, name: str, stage: str
) -> None:
    assert made.noted() == set()
    made.drop(spec(name))
    assert made.noted() == {stage}
    assert made.noted() == {stage}
    made.fill(spec(name))
    assert made.noted() == set()


def test_every_note_is_different(made: Workspace) -> None:
    """DVC's run-cache must not know it, or it would bring back a digest without rows."""
    made.drop(spec("mfcc"))
    notes = [str(lost_row_notes(made.outputs, made.store, EXTRACTORS)) for _ in range(9)]
    assert len(set(notes)) == 9


def one_row(made: Workspace) -> None:
    """One of four rows alone, in a shard of its own."""
    store = Store(made.store, spec("mfcc"))
    made.drop(spec("mfcc"))
    for key in list(keys(spec("mfcc")).values())[:-1]:
        with store.writer() as writer:
            writer.append([key], {"mfcc": np.zeros((1, 2), np.float32)})


def shard_file(made: Workspace) -> None:
    (made.store / spec("mfcc").directory / "mfcc" / "c.0.0").unlink()


def shortened_shard(made: Workspace) -> None:
    path = made.store / spec("mfcc").directory / "mfcc" / "c.0.0"
    path.write_bytes(path.read_bytes()[:-1])


def garbled_marker(made: Workspace) -> None:
    (made.store / spec("mfcc").directory / "commits" / "000000.json").write_text("{}")


@pytest.mark.parametrize("loss", [one_row, shard_file, shortened_shard, garbled_marker])
def test_any_loss_is_seen_although_all_rows_were_there_before(
    made: Workspace, loss: Callable[[Workspace], None]
) -> None:
    assert made.noted() == set()
    loss(made)
    assert made.noted() == {"extract-mfcc"}


def test_a_digest_that_changed_is_compared_anew(made: Workspace) -> None:
    assert made.noted() == set()
    other = spec("mfcc", 2)
    Digest.of(other, {}, keys(other)).write(made.outputs.digest("mfcc"))
    assert made.noted() == {"extract-mfcc"}


def test_a_digest_that_dvc_removed_is_known_from_dvc_lock(made: Workspace) -> None:
    """As it is after a kill of the stage that was to compute the rows."""
    path = made.outputs.digest("mfcc")
    made.lock(path)
    path.unlink()
    assert made.noted() == set()
    made.drop(spec("mfcc"))
    assert made.noted() == {"extract-mfcc"}


def test_a_digest_that_dvc_will_restore_counts_beside_the_one_that_is_there(
    made: Workspace,
) -> None:
    """As it is after `git checkout` without `dvc checkout`."""
    made.lock(made.outputs.digest("mfcc"))
    made.extract(spec("mfcc", 2))
    made.drop(spec("mfcc"))
    assert made.noted() == {"extract-mfcc"}


@pytest.mark.parametrize("content", [NOTHING, "{ broken"])
def test_a_digest_that_names_nothing_loses_nothing(made: Workspace, content: str) -> None:
    """Nothing was extracted, because the system does not read it; or the file is damaged."""
    path = made.outputs.digest("mfcc")
    path.write_text(content)
    made.lock(path)
    made.drop(spec("mfcc"))
    assert made.noted() == set()


def test_what_a_reader_missed_is_not_noted_where_the_system_does_not_read_it(
    made: Workspace,
) -> None:
    """Its stage extracts nothing, whatever `scan` notes, so that the note would never go."""
    with pytest.raises(MissingRowError):
        Store(made.store, spec("mfcc", 2)).read(["a key"])
    made.outputs.digest("mfcc").write_text(NOTHING)
    made.lock(made.outputs.digest("mfcc"))
    assert made.noted() == set()


@pytest.mark.parametrize("is_there", [True, False])
def test_an_extractor_that_has_no_stage_is_left_alone(
    made: Workspace, is_there: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It was taken out of params.yaml; dvc.lock and the working tree still name its digest."""
    path = made.extract(spec("functionals"))
    made.lock(path)
    if not is_there:
        path.unlink()
    made.drop(spec("functionals"))
    with pytest.raises(MissingRowError):
        Store(made.store, spec("functionals")).read(["a key"])
    with caplog.at_level(logging.INFO):
        assert made.noted() == set()
    assert "the store lacks rows" not in caplog.text
    made.drop(spec("mfcc"))
    assert made.noted() == {"extract-mfcc"}


def test_other_corpora_are_left_to_their_own_runs(made: Workspace) -> None:
    other = made.outputs.workspace / "data" / "prepared" / "other" / "features" / "mfcc.json"
    other.parent.mkdir(parents=True)
    shutil.copyfile(made.outputs.digest("mfcc"), other)
    made.outputs.digest("mfcc").unlink()
    made.drop(spec("mfcc"))
    assert made.noted() == set()


def test_a_store_that_never_held_the_rows_is_noted_once_a_reader_missed_them(
    made: Workspace,
) -> None:
    made.store.rename(made.store.with_name("elsewhere"))
    assert made.noted() == set()
    with pytest.raises(MissingRowError, match="`dvc repro` computes them"):
        FeatureReader.open(made.outputs.digest("sec"), made.store)
    assert made.noted() == {"segment", "extract-mfcc", "extract-sec"}
    for name in ("sec", "mfcc"):
        made.extract(spec(name))
    made.cut()
    assert made.noted() == set()


def test_what_a_reader_missed_is_noted_although_another_digest_is_there_now(
    made: Workspace,
) -> None:
    """DVC's run-cache may bring back a digest of earlier parameters, after `scan` has looked."""
    with pytest.raises(MissingRowError):
        Store(made.store, spec("mfcc", 2)).read(["a key"])
    assert made.noted() == {"extract-mfcc"}
    made.extract(spec("mfcc"))  # the stage has run
    assert made.noted() == set()


def test_lost_waves_come_back_with_the_rows_that_are_made_of_them(made: Workspace) -> None:
    for name in ("mfcc", "waveform"):
        made.drop(spec(name))
    assert made.noted() == {"extract-mfcc", "segment"}


def test_a_read_only_store_is_looked_at_all_the_same(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    made.drop(spec("mfcc"))
    monkeypatch.setattr(Path, "mkdir", refuse)
    assert made.noted() == {"extract-mfcc"}


@pytest.mark.parametrize("content", ["[]", "{", '{"data": 3}'])
def test_a_damaged_memory_of_earlier_looks_does_no_harm(made: Workspace, content: str) -> None:
    assert made.noted() == set()
    (memory,) = (made.store / "scan" / "rows").iterdir()
    memory.write_text(content)
    made.drop(spec("mfcc"))
    assert made.noted() == {"extract-mfcc"}


def test_the_second_look_reads_no_row_keys_and_loads_nothing_heavy(
    made: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made.noted() == set()

    def refuse(*_: object) -> None:
        raise AssertionError("it reads commit markers")

    monkeypatch.setattr(marker, "read_each", refuse)
    assert made.noted() == set()
    code = (
        "import sys; from pathlib import Path; from mfsn.workspace import Outputs;"
        "from mfsn.store.checkouts.lost_rows import lost_row_notes;"
        "outputs = Outputs(Path(sys.argv[1]), 'toy', 'any');"
        "lost_row_notes(outputs, Path(sys.argv[2]), ['mfcc', 'sec']);"
        "print({'numpy', 'pandas', 'pyarrow', 'torch', 'dvc'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(made.outputs.workspace), str(made.store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
