"""`mfsn results`: experiments are read from git's refs and DVC's cache, whatever their commit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfsn.errors import DamagedFileError
from mfsn.report.results.experiments import kept_experiments
from mfsn.store.checkouts.dvc import content

BASE: dict[str, Any] = {
    "experiment": "mfsn", "system": "mfsn", "seeds": [0], "corpus": {"name": "toy"},
    "sec": {"model": "random/a", "levels": {"high": 2}}, "tec": {"model": "hub/b"},
    "protocol": {"name": "leave_one_speaker_out"}, "labels": {"merge": {}},
}  # fmt: skip
SCORES = {"ua": 0.75, "wa": 0.5, "counts": {"folds": 4, "seeds": 2}}
SCORES |= {"intervals": {"ua": {"low": 0.7, "high": 0.8}}}
MD5 = "0123456789abcdef0123456789abcdef"


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    command = ["git", "-C", str(root), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(root: Path, params: Any, path: str = "data/results/toy/mfsn/scores.json") -> str:
    (root / "params.yaml").write_text(params if isinstance(params, str) else yaml.dump(params))
    lock = {"stages": {"evaluate": {"outs": [{"path": path, "md5": MD5}]}}}
    (root / "dvc.lock").write_text(yaml.dump(lock))
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    return git(root, "rev-parse", "HEAD")


def keep(root: Path, base: str, params: Any, name: str, **lock: str) -> None:
    """Keep an experiment as DVC does: a commit under refs/exps, not on any branch."""
    made = commit(root, params, **lock)
    git(root, "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", made)
    git(root, "reset", "--quiet", "--hard", base)


def cache(root: Path, scores: Any) -> Path:
    path = content(root / ".dvc" / "cache", MD5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(scores))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".gitignore").write_text(".dvc\n")
    return tmp_path


def test_an_experiment_has_scores_with_intervals_and_says_what_it_changed(root: Path) -> None:
    base = commit(root, BASE)
    keep(root, base, BASE | {"seeds": [0, 1], "sec": BASE["sec"] | {"model": "hub/c"}}, "bold-cat")
    commit(root, BASE)  # a later commit hides no experiment
    git(root, "update-ref", "refs/exps/exec/EXEC_HEAD", base)  # a note of DVC is no experiment
    cache(root, SCORES)
    (found,) = kept_experiments(root)
    assert found.pop("finished").startswith("20")
    assert found == {
        "run": "bold-cat", "corpus": "toy", "system": "mfsn", "encoders": "c + b",
        "protocol": "leave_one_speaker_out", "folds": 4, "seeds": 2, "score": "UA", "value": 0.75,
        "low": 0.7, "high": 0.8, "wa": 0.5, "commit": base[:7],
        "changed": "seeds=[0, 1], sec.model=hub/c",
    }  # fmt: skip


def test_what_cannot_be_read_is_left_empty(root: Path) -> None:
    base = commit(root, BASE)
    keep(root, base, BASE | {"system": "gone"}, "a-plug-in")
    keep(root, base, "a: [", "no-yaml")
    found = {row["run"]: row for row in kept_experiments(root)}
    assert found["a-plug-in"]["encoders"] == ""
    assert found["a-plug-in"]["changed"] == "system=gone"
    assert found["no-yaml"]["system"] is None
    assert not any("value" in row for row in found.values())  # DVC's cache lacks the scores


def test_damaged_scores_are_one_sentence(root: Path) -> None:
    keep(root, commit(root, BASE), BASE, "one")
    path = cache(root, {"ua": 0.5})
    with pytest.raises(DamagedFileError, match=f"{path.name} in DVC's cache is damaged; delete it"):
        list(kept_experiments(root))


def test_without_history_there_are_none(tmp_path: Path) -> None:
    assert list(kept_experiments(tmp_path)) == []
