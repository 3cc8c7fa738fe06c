"""Reaching a Ray cluster, what its nodes must fulfil, and how many actors they take."""

from __future__ import annotations

import dataclasses
import functools
import pickle
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from mfsn.errors import ClusterError
from mfsn.features.ray.actor import Job, ShardMaker, premises
from mfsn.features.ray.cluster import RAY_VARIABLE, connected, ray_address, slots
from mfsn.segments.config import SegmentConfig
from mfsn.store.layout import Layout
from mfsn.store.spec import StoreSpec


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The nodes of a cluster that is not there: a dead one, and what a test adds."""
    there: list[dict[str, Any]] = [{"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}]
    monkeypatch.setattr(ray, "nodes", lambda: there)
    monkeypatch.setenv("MFSN_THREADS", "4")
    monkeypatch.delenv("MFSN_DEVICE", raising=False)
    return there


def node(**resources: float) -> dict[str, Any]:
    return {"Alive": True, "Resources": resources}


def environment(options: Mapping[str, Any]) -> dict[str, str]:
    shared: dict[str, str] = options["runtime_env"]["env_vars"]
    return shared


def test_the_variable_is_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RAY_VARIABLE, raising=False)
    assert ray_address() is None
    monkeypatch.setenv(RAY_VARIABLE, "")
    assert ray_address() is None
    monkeypatch.setenv(RAY_VARIABLE, "head:6379")
    assert ray_address() == "head:6379"


def test_an_actor_takes_as_many_processors_of_one_node_as_there_are_threads(
    nodes: list[dict[str, Any]],
) -> None:
    nodes += [node(CPU=9), node(CPU=4), node(CPU=3), node()]
    place = slots()
    assert place.count == 3
    assert place.options["num_cpus"] == 4
    assert "num_gpus" not in place.options
    shared = environment(place.options)
    assert (shared["MFSN_DEVICE"], shared["MFSN_THREADS"]) == ("cpu", "4")
    assert shared["OMP_NUM_THREADS"] == "4"


def test_every_gpu_gets_an_actor(nodes: list[dict[str, Any]]) -> None:
    nodes += [node(CPU=16, GPU=2), node(CPU=2, GPU=1), node(CPU=64)]
    place = slots()
    assert place.count == 3
    assert place.options["num_gpus"] == 1
    assert environment(place.options)["MFSN_DEVICE"] == "cuda"


def test_the_device_that_is_asked_for_decides(
    nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes += [node(CPU=16, GPU=2)]
    monkeypatch.setenv("MFSN_DEVICE", "cpu")
    assert slots().count == 4
    monkeypatch.setenv("MFSN_DEVICE", "cuda:1")  # the driver's; an actor sees one GPU only
    assert environment(slots().options)["MFSN_DEVICE"] == "cuda"
    nodes[1:] = [node(CPU=16)]
    with pytest.raises(ClusterError, match="no GPU, but MFSN_DEVICE asks for one"):
        slots()


def test_too_small_nodes_are_told(nodes: list[dict[str, Any]]) -> None:
    nodes += [node(CPU=2), node(CPU=3)]
    with pytest.raises(ClusterError, match="has the 4 CPUs that an actor takes; set MFSN_THREADS"):
        slots()


def test_actors_share_the_settings_but_no_secrets(
    nodes: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes += [node(CPU=4)]
    for name in ("MFSN_STORE", "HF_HOME", "DVC_ROOT", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "value")
    shared = environment(slots().options)
    assert {"MFSN_STORE", "HF_HOME", "DVC_ROOT"} <= set(shared)
    assert not {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY"} & set(shared)


def test_ray_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r'pip install "mfsn\[ray\]"'), connected("auto"):
        pass


def test_a_cluster_that_does_not_answer_is_told_at_once() -> None:
    with socket.socket() as held:  # bound, but nobody listens
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"MFSN_RAY={address}: no Ray"), connected(address):
            pass


@pytest.mark.parametrize("address", ["rubbish", "head:port", "127.0.0.1:99999999"])
def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(ClusterError, match=f"MFSN_RAY={address}: no Ray"), connected(address):
        pass


def test_a_node_that_does_not_see_the_store_is_told(tmp_path: Path) -> None:
    asked = premises(tmp_path / "staging" / "of another machine")
    with pytest.raises(ClusterError, match=r"does not see .*MFSN_STORE"):
        ShardMaker().open(asked, b"")


def test_a_node_with_another_mfsn_is_told(tmp_path: Path) -> None:
    asked = dataclasses.replace(premises(tmp_path), code="another")
    with pytest.raises(ClusterError, match="runs another mfsn"):
        ShardMaker().open(asked, b"")


def test_a_node_with_other_libraries_is_told(tmp_path: Path) -> None:
    here = premises(tmp_path)
    asked = dataclasses.replace(here, versions={**here.versions, "torch": "1.0"})
    with pytest.raises(ClusterError, match=r"has torch \d.*, this machine 1.0"):
        ShardMaker().open(asked, b"")


def test_a_node_whose_encoder_has_other_files_is_told(tmp_path: Path) -> None:
    says = {"parameters": {"weights": "there"}, "arrays": (), "scope": "segment"}
    facts = {"name": "sec", "version": 1, **says}
    staging = Layout(tmp_path, StoreSpec("sec", {"parameters": {"weights": "here"}}, ()), 4)
    make = functools.partial(SimpleNamespace, **facts)
    segment = SegmentConfig(duration_s=1.0, sample_rate_hz=8000)
    job: Any = Job(make, segment, tmp_path, staging)
    with pytest.raises(ClusterError, match="makes another sec"):
        ShardMaker().open(premises(tmp_path), pickle.dumps(job))


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Failed to connect to Ray cluster"),
        ray.exceptions.AuthenticationError("No authentication token was found. Ensure\nthat"),
    ],
)
def test_a_cluster_that_asks_for_a_token_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    named = r"RAY_AUTH_TOKEN.* RAY_AUTH_MODE=disabled"
    with pytest.raises(ClusterError, match=named) as raised, connected("auto"):
        pass
    assert "\n" not in str(raised.value)
    assert "Ensure" not in str(raised.value)
