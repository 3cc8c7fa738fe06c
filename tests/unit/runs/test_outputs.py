"""Output folders are whole or absent."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest

from mfsn.errors import CacheError, StorageFullError
from mfsn.runs.outputs import copy_files, replacing_folder
from mfsn.systems.search import run_search
from mfsn.training.config import OptimisationConfig


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "search"
    for name in ("old", "new"):
        with replacing_folder(target) as folder:
            (folder / name).touch()
    assert [path.name for path in target.iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("raised", "seen"),
    [(ValueError("x"), ValueError), (OSError(errno.ENOSPC, "full"), StorageFullError)],
)
def test_a_failure_leaves_the_old_folder_and_nothing_else(
    tmp_path: Path, raised: Exception, seen: type[Exception]
) -> None:
    target = tmp_path / "search"
    (target / "old").mkdir(parents=True)
    with pytest.raises(seen), replacing_folder(target) as folder:
        (folder / "new").touch()
        raise raised
    assert [path.name for path in tmp_path.iterdir()] == ["search"]
    assert [path.name for path in target.iterdir()] == ["old"]


def test_a_search_that_fails_writes_no_output(toy: Any) -> None:
    experiment = toy(optimisation=OptimisationConfig(epochs=1, batch_size=16))
    shutil.rmtree(experiment.store / "mfcc")
    with pytest.raises(CacheError, match="rows not in"):
        run_search(experiment, 1, print)
    assert not experiment.outputs.search.exists()


def test_files_are_copied_but_for_folders_and_those_left(tmp_path: Path) -> None:
    source = tmp_path / "unit"
    (source / "work").mkdir(parents=True)
    for name in ("a.json", "b.json", ".lock"):
        (source / name).write_text(name)
    copy_files(source, tmp_path / "copy", leave=("b.json",))
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["a.json"]
