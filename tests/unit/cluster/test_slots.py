"""How many workers a cluster has room for, and what they share with the driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import ray

from mfsn.cluster.slots import slots
from mfsn.errors import ClusterError


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The nodes of a cluster that is not there: a dead one, and what a test adds."""
    there: list[dict[str, Any]] = [{"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}]
    monkeypatch.setattr(ray, "nodes", lambda: there)
    monkeypatch.delenv("MFSN_DEVICE", raising=False)
    return there


def node(**resources: float) -> dict[str, Any]:
    return {"Alive": True, "Resources": resources}


def environment(options: Mapping[str, Any]) -> dict[str, str]:
    shared: dict[str, str] = options["runtime_env"]["env_vars"]
    return shared


def test_a_worker_takes_as_many_processors_of_one_node_as_there_are_threads(
    nodes: list[dict[str, Any]],
) -> None:
    nodes += [node(CPU=9), node(CPU=4), node(CPU=3), node()]
    place = slots(4)
    assert place.count == 3
    assert place.options["num_cpus"] == 4
    assert "num_gpus" not in place.options
    shared = environment(place.options)
    assert (shared["MFSN_DEVICE"], shared["MFSN_THREADS"]) == ("cpu", "4")
    assert shared["OMP_NUM_THREADS"] == "4"


def test_every_gpu_gets_a_worker(nodes: list[dict[str, Any]]) -> None:
    nodes += [node(CPU=16, GPU=2), node(CPU=2, GPU=1), node(CPU=64)]
    place = slots(4)
    assert place.count == 3
    assert place.options["num_gpus"] == 1
    assert environment(place.options)["MFSN_DEVICE"] == "cuda"


def test_the_device_that_is_asked_for_decides(
    nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes += [node(CPU=16, GPU=2)]
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    assert slots(4).count == 4
    monkeypatch.setenv("MFSN_DEVICE", "cuda:1")  # the driver's; a worker sees one GPU only
    assert environment(slots(4).options)["MFSN_DEVICE"] == "cuda"
    nodes[1:] = [node(CPU=16)]
    with pytest.raises(ClusterError, match="no GPU, but MFSN_DEVICE asks for one"):
        slots(4)


def test_too_small_nodes_are_told(nodes: list[dict[str, Any]]) -> None:
    nodes += [node(CPU=2), node(CPU=3)]
    with pytest.raises(ClusterError, match="the 4 CPUs that one worker takes; set MFSN_THREADS"):
        slots(4)


def test_workers_share_the_settings_but_no_secrets(
    nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes += [node(CPU=4)]
    for name in ("MFSN_STORE", "HF_HOME", "DVC_ROOT", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "value")
    shared = environment(slots(4).options)
    assert {"MFSN_STORE", "HF_HOME", "DVC_ROOT"} <= set(shared)
    assert not {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY"} & set(shared)


def test_work_that_needs_no_gpu_leaves_them_free(nodes: list[dict[str, Any]]) -> None:
    nodes += [node(CPU=16, GPU=2)]
    place = slots(1, "cpu")
    assert place.count == 16
    assert "num_gpus" not in place.options
    assert environment(place.options)["MFSN_DEVICE"] == "cpu"


def test_no_node_gets_more_workers_than_fit_into_its_memory(nodes: list[dict[str, Any]]) -> None:
    nodes += [node(CPU=4, memory=25e9), node(CPU=1, memory=64e9), node(CPU=8)]
    place = slots(1, memory_bytes=10**10)
    assert place.count == 3
    assert place.options["memory"] == 10**10
    with pytest.raises(ClusterError, match=r"the 100\.0 GB of memory .* set MFSN_MEMORY to less"):
        slots(1, memory_bytes=10**11)
