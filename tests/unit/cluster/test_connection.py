"""Reaching a Ray cluster."""

from __future__ import annotations

import socket
import sys

import pytest
import ray

from mfsn.cluster.connection import RAY_VARIABLE, connected, ray_address
from mfsn.errors import ClusterError


def test_the_variable_is_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RAY_VARIABLE, raising=False)
    assert ray_address() is None
    monkeypatch.setenv(RAY_VARIABLE, "")
    assert ray_address() is None
    monkeypatch.setenv(RAY_VARIABLE, "head:6379")
    assert ray_address() == "head:6379"


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
