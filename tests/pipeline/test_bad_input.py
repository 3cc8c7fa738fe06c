"""What is wrong is said in one clear sentence, exit status 1 or 2, and nothing half-written."""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]


@pytest.fixture(autouse=True, scope="module")
def unharmed(project: Any) -> Iterator[None]:
    """What the stages refused left the project as it was: nothing but the scan runs again."""
    yield
    assert project.repro() <= {"scan"}


@pytest.fixture(autouse=True)
def restored(project: Any, unharmed: None) -> Iterator[None]:
    """Every test leaves parameters and corpus as it found them."""
    kept = project.root.parent / "kept"
    shutil.copytree(project.corpus, kept)
    before = (project.root / "params.yaml").read_bytes()
    yield
    (project.root / "params.yaml").write_bytes(before)
    shutil.rmtree(project.corpus, ignore_errors=True)
    kept.rename(project.corpus)


def refusal(project: Any, *command: str) -> str:
    """Run a command that must be refused: its one sentence."""
    outputs = project.outputs()
    done = project.run(*command, check=False)
    assert done.returncode in (1, 2), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert project.outputs() == outputs
    last: str = done.stderr.strip().splitlines()[-1]
    return last


def stage(project: Any, name: str, *arguments: str) -> str:
    return refusal(project, sys.executable, f"stages/{name}.py", *arguments)


def edit_table(project: Any, old: str, new: str) -> None:
    table: Path = project.corpus / "table.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))


def test_a_missing_corpus_says_where_it_was_sought_and_what_moves_it(project: Any) -> None:
    shutil.rmtree(project.corpus)
    sentence = stage(project, "scan")
    assert str(project.corpus) in sentence
    assert "MFSN_CORPUS_TOY" in sentence


def test_an_empty_corpus(project: Any) -> None:
    shutil.rmtree(project.corpus)
    project.corpus.mkdir()
    assert "MFSN_CORPUS_TOY" in stage(project, "scan")


def test_all_bad_files_are_listed_at_once(project: Any) -> None:
    whole = (project.corpus / "s0-angry-0.wav").read_bytes()
    spoil = {
        "s0-angry-0.wav": b"",
        "s1-angry-0.wav": whole[: len(whole) // 2],
        "s2-angry-0.wav": b"this is not audio at all",
        "s3-angry-0.wav": whole[:44],
    }
    for name, content in spoil.items():
        (project.corpus / name).write_bytes(content)
    project.run(sys.executable, "stages/scan.py")
    sentence = refusal(project, sys.executable, "stages/prepare.py")
    assert all(name in sentence for name in spoil)


def test_an_unknown_class(project: Any) -> None:
    project.set(labels__classes=["angry", "bored"])
    assert "bored" in stage(project, "prepare")


def test_a_duplicate_utterance_id(project: Any) -> None:
    edit_table(project, "s0-angry-1.wav,", "s0-angry-0.wav,")
    project.run(sys.executable, "stages/scan.py")
    assert "s0-angry-0" in stage(project, "prepare")


def test_a_speaker_in_train_and_test(project: Any) -> None:
    folds = project.root / "folds.yaml"
    folds.write_text(
        "speaker_independent: true\n"
        "folds:\n"
        "  - {name: a, test_speakers: [s0, s1]}\n"
        "  - {name: b, test_speakers: [s1, s2, s3]}\n"
        "  - {name: c, test_speakers: [s4, s5]}\n"
    )
    project.set(protocol__name="folds_from_file", protocol__file="folds.yaml")
    assert "s1" in refusal(project, "mfsn", "folds")
    folds.unlink()


def test_a_training_fold_without_a_class(project: Any) -> None:
    table = project.corpus / "table.csv"
    lines = table.read_text().splitlines()
    kept = [line for line in lines if ",sad," not in line or line.endswith(",0")]
    table.write_text("\n".join(kept) + "\n")
    project.set(prepare__require_complete=False)
    project.run(sys.executable, "stages/scan.py")
    assert "sad" in refusal(project, sys.executable, "stages/prepare.py")


@pytest.mark.parametrize("model", ["nobody/such-a-model", "./no-such-folder", "random/no-recipe"])
def test_a_model_that_cannot_be_loaded(project: Any, model: str) -> None:
    project.set(sec__model=model)
    assert model in stage(project, "extract", "sec")


def test_a_misspelt_parameter(project: Any) -> None:
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("batch_size", "batchsize"))
    assert "did you mean batch_size?" in stage(project, "scan")


def test_a_store_that_is_being_written(project: Any) -> None:
    lock = next(project.store.glob("mfcc/*/.lock"))
    shutil.rmtree(lock.parent / "commits")  # so that there is something to write
    with lock.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sentence = stage(project, "extract", "mfcc")
    assert "another process" in sentence
    project.dvc("repro", "--force", "--single-item", "extract@mfcc")
