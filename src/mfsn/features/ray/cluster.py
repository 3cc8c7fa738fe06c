"""Reaching a Ray cluster: its address, its nodes, and how many actors they take."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mfsn import runtime
from mfsn.errors import ClusterError
from mfsn.features.extraction.environment import PACKAGE

RAY_VARIABLE = "MFSN_RAY"

_PROBE_S = 5.0
_AUTHENTICATION = (
    ", or where one runs and asks for an authentication token, as Ray does from 2.60 on, give all "
    "nodes and this process the same (RAY_AUTH_TOKEN), or all of them RAY_AUTH_MODE=disabled"
)
_HANDED_ON = ("MFSN_", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "DVC_ROOT")
"""Beginnings of the variables that an actor shares with the driver; no token is among them."""


def ray_address() -> str | None:
    """`$MFSN_RAY`: `auto` for the cluster that this machine belongs to, or `host:port` of its head.

    None, or nothing: extraction runs on this machine.
    """
    return os.environ.get(RAY_VARIABLE) or None


def check_address() -> None:
    """Look at `$MFSN_RAY` as far as it can be told without joining the cluster.

    Raises:
        ClusterError: if it is set, and Ray is not installed, it is no address, or nobody answers at
            the port that it names.
    """
    address = ray_address()
    if address is None:
        return
    import_ray()
    if address != "auto" and not address.rpartition(":")[2].isdecimal():
        raise _unreachable(address, "it takes auto, or host:port of the head")
    _probe(address)


def import_ray() -> Any:
    """The module `ray`.

    Raises:
        ClusterError: if it is not installed.
    """
    try:
        import ray
    except ImportError:
        raise ClusterError(
            f'{RAY_VARIABLE} is set, but Ray is not installed; run `pip install "mfsn[ray]"`, or '
            "unset the variable"
        ) from None
    return ray


@contextlib.contextmanager
def connected(address: str) -> Iterator[None]:
    """Be a driver of the cluster; its actors run this process's own mfsn, wherever it lies.

    Where Ray is connected already, that connection is used and left open.

    Raises:
        ClusterError: if Ray is not installed, or the cluster cannot be reached or runs another
            Python or Ray.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield
        return
    _probe(address)
    code = {"py_modules": [str(PACKAGE)], "excludes": ["__pycache__"]}
    try:
        ray.init(address, runtime_env=code, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        said = str(error).partition("\n")[0].partition(". ")[0].rstrip(".:")
        raise _unreachable(address, said, _AUTHENTICATION) from error
    try:
        yield
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class Slots:
    """How many actors a cluster takes, and what each of them occupies."""

    count: int
    options: Mapping[str, Any]
    """What Ray needs to place an actor."""


def slots() -> Slots:
    """One actor a GPU, unless `$MFSN_DEVICE` is `cpu`; without GPUs one for `threads()` CPUs.

    Raises:
        ClusterError: if no node takes an actor.
        ConfigError: as `mfsn.runtime.threads`.
    """
    threads = runtime.threads()
    nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    asked = os.environ.get(runtime.DEVICE_VARIABLE, "auto").partition(":")[0]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if gpus and asked != "cpu":
        return Slots(gpus, {"num_gpus": 1, "num_cpus": 1, **_environment("cuda", threads)})
    if asked == "cuda":
        raise ClusterError(
            f"the Ray cluster has no GPU, but {runtime.DEVICE_VARIABLE} asks for one; unset it, or "
            "say `ray start --num-gpus` on the nodes that have some"
        )
    count = sum(int(node.get("CPU", 0)) // threads for node in nodes)
    if not count:
        raise ClusterError(
            f"no node of the Ray cluster has the {threads} CPUs that an actor takes; set "
            f"{runtime.THREADS_VARIABLE} to fewer threads"
        )
    return Slots(count, {"num_cpus": threads, **_environment("cpu", threads)})


def _environment(device: str, threads: int) -> dict[str, Any]:
    shared = {name: text for name, text in os.environ.items() if name.startswith(_HANDED_ON)}
    own = {
        runtime.DEVICE_VARIABLE: device,
        runtime.THREADS_VARIABLE: str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
    return {"runtime_env": {"env_vars": {**shared, **own}}}


def _probe(address: str) -> None:
    """Knock at `host:port`, because Ray itself tries for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), _PROBE_S).close()
        except (OSError, OverflowError) as error:
            raise _unreachable(address, str(error)) from error


def _unreachable(address: str, said: str, perhaps: str = "") -> ClusterError:
    return ClusterError(
        f"{RAY_VARIABLE}={address}: no Ray cluster can be used there ({said}); start one with `ray "
        f"start --head`{perhaps}, or unset the variable to extract on this machine"
    )
