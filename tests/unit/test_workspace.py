"""Where things lie, in the checkout, elsewhere, and inside DVC's temporary experiments."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfsn import workspace
from mfsn.errors import WorkspaceError
from mfsn.workspace import (
    Outputs,
    corpus_root,
    corpus_variable,
    find_workspace,
    local_path,
    remote_address,
    store_root,
)

PIPELINE = "stages: {extract: {cmd: 'python stages/extract.py ${item.extractor}'}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    for variable in ("DVC_ROOT", "MFSN_STORE", "MFSN_CORPORA", "MFSN_CORPUS_DEMO"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_workspace_is_found_from_below(project: Path) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    assert find_workspace(below) == project


def test_outside_a_checkout_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not in a checkout of mfsn"):
        find_workspace(tmp_path)


def test_the_shipped_pipeline_is_known(checkout: Path) -> None:
    assert find_workspace(checkout / "src") == checkout


def test_another_project_is_refused_and_not_looked_beyond(project: Path) -> None:
    """Its params.yaml is not for `mfsn preset` to rewrite, nor is that of a checkout above it."""
    other = project / "other"
    below = other / "src"
    below.mkdir(parents=True)
    (other / "dvc.yaml").write_text("stages: {train: {cmd: python train.py}}\n")
    (other / "params.yaml").write_text("corpus: {name: demo}\n")
    with pytest.raises(WorkspaceError, match=f"{other}/dvc.yaml is not the pipeline of mfsn"):
        find_workspace(below)


def test_a_pipeline_that_may_not_be_read_is_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(WorkspaceError, match=r"dvc\.yaml cannot be read \(Permission denied\)"):
        find_workspace()


def test_store_and_corpora_lie_in_the_checkout(project: Path) -> None:
    assert store_root() == project / "data" / "store"
    assert corpus_root("demo") == project / "data" / "corpora" / "demo"


def test_environment_moves_store_and_corpora(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MFSN_STORE", str(tmp_path / "s"))
    monkeypatch.setenv("MFSN_CORPORA", str(tmp_path / "c"))
    assert store_root() == tmp_path / "s"
    assert corpus_root("demo") == tmp_path / "c" / "demo"
    monkeypatch.setenv("MFSN_CORPUS_DEMO", str(tmp_path / "d"))
    assert corpus_root("demo") == tmp_path / "d"


def test_a_temporary_experiment_shares_the_main_checkouts_data(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project / ".dvc" / "tmp" / "exps" / "standalone" / "tmp123"
    copy.mkdir(parents=True)
    (copy / "dvc.yaml").write_text(PIPELINE)
    monkeypatch.chdir(copy)
    assert store_root() == project / "data" / "store"
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert store_root() == project / "data" / "store"
    assert find_workspace() == copy


def test_relative_variables_start_from_the_main_checkout(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MFSN_STORE", "shared/store")
    monkeypatch.setenv("MFSN_CORPORA", "speech")
    monkeypatch.setenv("MFSN_CORPUS_MINE", "own")
    monkeypatch.setenv("MFSN_REMOTE", "copies")
    copy = project / ".dvc" / "tmp" / "exps" / "standalone" / "tmp123"
    below = project / "docs"
    for folder in (copy, below):
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        if folder == copy:
            (copy / "dvc.yaml").write_text(PIPELINE)
        assert store_root() == store_root(copy) == project / "shared" / "store"
        assert corpus_root("demo") == project / "speech" / "demo"
        assert corpus_root("mine") == project / "own"
        assert remote_address() == str(project / "copies")


def test_an_address_is_no_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSN_REMOTE", "s3://bucket/folder")
    assert remote_address() == "s3://bucket/folder"


@pytest.mark.parametrize(
    ("name", "variable"), [("demo", "MFSN_CORPUS_DEMO"), ("my-corpus.2", "MFSN_CORPUS_MY_CORPUS_2")]
)
def test_corpus_variables(name: str, variable: str) -> None:
    assert corpus_variable(name) == variable


def test_every_output_lies_below_data(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, "demo", "mfsn")
    paths = [
        getattr(outputs, name)
        for name, member in vars(workspace.Outputs).items()
        if isinstance(member, property) and name != "extracted"  # names, not paths
    ]
    assert len(paths) == 14
    assert all(path.is_relative_to(tmp_path / "data") for path in paths)
    assert outputs.digest("sec").name == "sec.json"


def test_a_named_file_is_sought_in_the_workspace_then_in_the_main_checkout(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project / ".dvc" / "tmp" / "exps" / "tmp1"
    copy.mkdir(parents=True)
    (project / "ignored").mkdir()
    (project / "both").mkdir()
    (copy / "both").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert local_path("ignored", copy) == project / "ignored"
    assert local_path("both", copy) == copy / "both"
    assert local_path(str(project / "nowhere"), copy) == project / "nowhere"
