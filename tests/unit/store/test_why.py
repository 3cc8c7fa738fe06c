"""`mfsn cache why`: which part of a key changed, from what to what."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mfsn.cli import main
from mfsn.doctor.wanted import wanted_spec
from mfsn.manifest import SEGMENTS, UTTERANCES, write_table
from mfsn.params import load_params
from mfsn.segments.waves import waveform_store
from mfsn.store.digest import Digest
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.identity_diff import changes, neighbours


def spec(version: int = 1, **parameters: object) -> StoreSpec:
    recipe = {"version": version, "parameters": parameters, "segment": {"duration_s": 3.0}}
    return StoreSpec("sec", recipe, (ArraySpec("high", (2,), "float16", ("feature",)),))


def test_changes_name_each_part_that_differs() -> None:
    old = spec(dtype="float16", levels={"low": 1}, weights="a" * 64, config={"width": 48})
    new = spec(2, dtype="float32", levels={"low": 2}, weights="b" * 64, config={"width": 96})
    assert [str(change) for change in changes(old, new)] == [
        "configuration of the encoder: width: 48 -> 96",
        "sec.dtype: float16 -> float32",
        "sec.levels.low: 1 -> 2",
        f"weights of the encoder: {'a' * 12} -> {'b' * 12}",
        "version of the extractor: 1 -> 2",
    ]


def test_a_part_that_one_side_lacks_is_none() -> None:
    (change,) = changes(spec(), spec(hop_ms=10.0))
    assert str(change) == "sec.hop_ms: none -> 10.0"


def test_codes_are_shown_in_words() -> None:
    (change,) = changes(spec(precision="float32"), spec(precision="bfloat16-2"))
    assert str(change) == "sec.precision: float32 -> bfloat16 (weights and activations)"


def test_equal_identities_have_no_changes() -> None:
    assert changes(spec(hop_ms=10.0), spec(hop_ms=10.0)) == []


def test_arrays_alone_can_differ() -> None:
    wider = StoreSpec("sec", spec().recipe, (ArraySpec("high", (3,), "float16", ("feature",)),))
    (change,) = changes(spec(), wider)
    assert str(change) == "arrays: high float16 [2] -> high float16 [3]"


def test_neighbours_come_with_the_most_similar_first(tmp_path: Path) -> None:
    near, far = spec(dtype="float16", hop=2), spec(2, dtype="float32", hop=2)
    for other, rows in ((far, 1), (near, 2)):
        with Store(tmp_path, other).writer() as writer:
            values = np.zeros((rows, 2), np.float16)
            writer.append([other.row_key(str(row), 0) for row in range(rows)], {"high": values})
    found = neighbours(tmp_path, spec(dtype="float16", hop=1))
    assert [(other.spec.directory, other.rows) for other in found] == [
        (near.directory, 2), (far.directory, 1),
    ]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one utterance of two segments whose MFCC and waves are in the store."""
    root = tmp_path / "checkout"
    (root / ".dvc").mkdir(parents=True)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(checkout / name, root / name)
    (root / ".gitignore").write_text("/data/\n/.dvc/cache/\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("MFSN_CORPORA", str(tmp_path / "corpora"))
    monkeypatch.delenv("DVC_ROOT", raising=False)
    audio = tmp_path / "corpora" / "demo" / "a.wav"
    audio.parent.mkdir(parents=True)
    audio.write_bytes(b"sound")
    cut(root, hashlib.sha256(b"sound").hexdigest())
    commit(root)
    return root


def cut(root: Path, sha: str) -> None:
    """Write the tables, rows and digests that the stages would make of a recording."""
    prepared, params = root / "data" / "prepared" / "demo", load_params(root)
    store = root.parent / "store"
    waves, mfcc = waveform_store(params.segment, store), wanted_spec("mfcc", params, store)
    starts = (0, params.segment.samples)
    rows = [
        (f"a#{i}", "a", i, start, 48000, 0, sha, waves.spec.row_key(sha, start))
        for i, start in enumerate(starts)
    ]
    write_table(prepared / "segments.parquet", pd.DataFrame(rows, columns=SEGMENTS.names), SEGMENTS)
    about = {
        "utterance_id": "a", "path": "a.wav", "audio_sha256": sha,
        "emotion": "sad", "duration_s": 6.0, "licence": "made here",
    }  # fmt: skip
    write_table(
        prepared / "manifest.parquet", pd.DataFrame([about], columns=UTTERANCES.names), UTTERANCES
    )
    digest = {f"a#{i}": mfcc.row_key(sha, start) for i, start in enumerate(starts)}
    config = {"config": params.mfcc.model_dump(mode="json")}
    Digest.of(mfcc, config, digest).write(prepared / "features" / "mfcc.json")
    for wanted, keys in ((waves.spec, [row[-1] for row in rows]), (mfcc, list(digest.values()))):
        with Store(store, wanted).writer(config) as writer:
            values = {a.name: np.zeros((2, *a.shape), a.dtype) for a in wanted.arrays}
            writer.append(keys, values)


def commit(root: Path) -> None:
    """Commit a dvc.lock that names what lies in the workspace, and put that into DVC's cache."""
    outs = []
    for name in ("segments.parquet", "features/mfcc.json"):
        path = root / "data" / "prepared" / "demo" / name
        md5 = hashlib.md5(path.read_bytes()).hexdigest()
        kept = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, kept)
        outs.append({"path": f"data/prepared/demo/{name}", "md5": md5})
    (root / "dvc.lock").write_text(yaml.safe_dump({"stages": {"all": {"outs": outs}}}))
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "state"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def set_coefficients(root: Path, number: int) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["mfcc"]["coefficients"] = number
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def why(asked: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main(["cache", "why", asked])
    captured = capsys.readouterr()
    assert left.value.code in (0, None), captured.err
    return captured.out


def test_an_extractor_whose_key_did_not_change(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = why("mfcc", capsys)
    assert said.count("names the same: nothing changed") == 2
    assert "all 2 rows are in the store" in said
    assert "->" not in said


def test_a_parameter_that_changed_is_named_with_both_values(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_coefficients(workspace, 20)
    said = why("mfcc", capsys)
    assert said.count("mfcc.coefficients: 40 -> 20") == 2  # since the working tree, and since HEAD
    assert "the store has 0 rows" in said


def test_the_working_tree_and_head_can_differ(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_coefficients(workspace, 20)
    cut(workspace, hashlib.sha256(b"sound").hexdigest())
    tree, head = why("mfcc", capsys).split("HEAD (dvc.lock)")
    assert "names the same" in tree
    assert "mfcc.coefficients: 40 -> 20" in head


def test_other_directories_of_the_store_are_compared(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (13, 40):  # rows of 13 stay behind, nothing names them
        set_coefficients(workspace, number)
        cut(workspace, hashlib.sha256(b"sound").hexdigest())
    said = why("mfcc", capsys)
    assert "(2 rows) is in the store too; it differs in:\n    mfcc.coefficients: 13 -> 40" in said


def test_rows_that_are_gone_are_counted_with_the_command(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(workspace.parent / "store" / "mfcc")
    said = why("mfcc", capsys)
    assert "the store lacks 2 of 2 rows" in said
    assert "`dvc repro` computes them" in said


def test_an_encoder_that_cannot_be_loaded_is_named(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    params["sec"]["model"] = "random/nothing-of-the-kind"
    (workspace / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert "it is unknown which rows params.yaml asks for: random/nothing" in why("sec", capsys)


@pytest.mark.parametrize("asked", ["mfcc", "a#1"])
def test_outside_a_git_repository_there_is_no_head(
    workspace: Path, capsys: pytest.CaptureFixture[str], asked: str
) -> None:
    shutil.rmtree(workspace / ".git")
    said = why(asked, capsys)
    assert f"{workspace} is not a git repository: there is no HEAD to compare with" in said
    assert "HEAD (dvc.lock)" not in said


@pytest.mark.parametrize(
    ("asked", "digest"), [("mfcc", "features/mfcc.json"), ("a#1", "segments.parquet")]
)
def test_a_fresh_clone_lacks_what_head_names(
    workspace: Path, capsys: pytest.CaptureFixture[str], asked: str, digest: str
) -> None:
    shutil.rmtree(workspace / ".dvc" / "cache")
    said = why(asked, capsys)
    assert f"data/prepared/demo/{digest}, but DVC's cache does not have its content" in said
    assert "names no rows" not in said


def test_a_segment_says_where_its_rows_lie(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = why("a#1", capsys)
    assert "nothing changed since it was cut" in said
    assert "a#1: starts at sample 48000\n    nothing changed since HEAD" in said
    assert said.count("shard 0, row 1") == 2
    assert "a#0" not in said
    assert "sec: it has no digest yet" in said


def test_an_utterance_says_it_of_all_its_segments(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = why("a", capsys)
    assert "a#0: starts at sample 0" in said
    assert "a#1: starts at sample 48000" in said


def test_a_recording_that_was_replaced_is_seen(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace.parent / "corpora" / "demo" / "a.wav").write_bytes(b"another")
    was, now = (hashlib.sha256(data).hexdigest()[:12] for data in (b"sound", b"another"))
    assert f"audio sha256: {was} -> {now} since it was cut" in why("a#0", capsys)


def test_a_recording_that_was_cut_anew_differs_from_head(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace.parent / "corpora" / "demo" / "a.wav").write_bytes(b"another")
    was, now = (hashlib.sha256(data).hexdigest()[:12] for data in (b"sound", b"another"))
    cut(workspace, hashlib.sha256(b"another").hexdigest())
    assert f"audio_sha256: {was} -> {now} since HEAD" in why("a#0", capsys)


def test_a_segment_whose_row_is_gone_names_the_command(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(workspace.parent / "store" / "mfcc")
    assert "mfcc: the row of a#0 is not in the store; `dvc repro` computes" in why("a#0", capsys)


def test_an_unknown_id_is_one_sentence_with_what_was_meant(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["cache", "why", "mfc"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "mfc is not an extractor" in said
    assert "did you mean mfcc?" in said
