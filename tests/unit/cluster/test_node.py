"""What a node of a cluster must fulfil."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest

from mfsn.cluster.node import Worker, check, marked, premises
from mfsn.errors import ClusterError


def test_a_node_that_does_not_see_the_store_is_told(tmp_path: Path) -> None:
    asked = premises([tmp_path / "staging" / "of another machine"])
    with pytest.raises(ClusterError, match=r"does not see .*MFSN_STORE"):
        Worker().open(asked, b"")


def test_a_node_with_another_mfsn_is_told(tmp_path: Path) -> None:
    asked = dataclasses.replace(premises([tmp_path]), code="another")
    with pytest.raises(ClusterError, match="runs another mfsn"):
        Worker().open(asked, b"")


def test_a_node_with_other_libraries_is_told(tmp_path: Path) -> None:
    here = premises([tmp_path])
    asked = dataclasses.replace(here, versions={**here.versions, "torch": "1.0"})
    with pytest.raises(ClusterError, match=r"has torch \d.*, this machine 1.0"):
        Worker().open(asked, b"")


def test_a_mark_is_new_each_time_and_gone_afterwards(tmp_path: Path) -> None:
    folders = [tmp_path / "store" / "runs", tmp_path / "data"]
    with marked(folders) as first, marked(folders) as second:
        assert [path.parent for path in first] == folders
        assert not set(first) & set(second)
        check(premises(first))
    assert not list(tmp_path.rglob(".*"))
    with pytest.raises(ClusterError, match=f"does not see {folders[0]} of this machine"):
        check(premises(first))


def test_a_worker_opens_its_job_once_where_the_premises_hold(tmp_path: Path) -> None:
    worker = Worker()
    worker.open(premises([tmp_path]), pickle.dumps(Doubling()))
    assert [worker.compute(attempt, 4) for attempt in (0, 1)] == [(0, 8), (1, 8)]


def test_a_node_without_a_plug_in_is_told(tmp_path: Path) -> None:
    pickled = b"cno_such_plug_in\nJob\n."  # a reference to a class, as protocol 0 writes it
    with pytest.raises(ClusterError, match="has no module no_such_plug_in; install the plug-in"):
        Worker().open(premises([tmp_path]), pickled)


class Doubling:
    """A job."""

    def open(self) -> Any:
        return lambda attempt, number: (attempt, 2 * number)
