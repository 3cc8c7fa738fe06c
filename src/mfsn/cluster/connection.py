"""Reaching a Ray cluster: the variable that names it, and the connection to it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from mfsn.base.environment import PACKAGE
from mfsn.errors import ClusterError

RAY_VARIABLE = "MFSN_RAY"

_PROBE_S = 5.0
_AUTHENTICATION = (
    ", or, if a cluster runs there and asks for an authentication token, as Ray does from 2.60 on, "
    "give all nodes and this process the same token (RAY_AUTH_TOKEN) or set RAY_AUTH_MODE=disabled "
    "for all of them"
)


def ray_address() -> str | None:
    """`$MFSN_RAY`: `auto` for the cluster that this machine belongs to, or `host:port` of its head.

    None if the variable is not set or empty: then everything runs on this machine.
    """
    return os.environ.get(RAY_VARIABLE) or None


def check_address() -> None:
    """Check `$MFSN_RAY` as far as this is possible without joining the cluster.

    Raises:
        ClusterError: if the variable is set, and Ray is not installed, the value is not an address,
            or nothing answers at the port that it names.
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
    """Connect to the cluster; its workers run the same mfsn as this process, wherever it lies.

    If Ray is connected already, that connection is used and left open.

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
        with _sigterm_kept():
            ray.init(address, runtime_env=code, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, ray.exceptions.AuthenticationError) as error:
        said = str(error).partition("\n")[0].partition(". ")[0].rstrip(".:")
        raise _unreachable(address, said, _AUTHENTICATION) from error
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Put back what this process does when it is told to end, which `ray.init` changes."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


def _probe(address: str) -> None:
    """Connect to `host:port` for a moment, because Ray itself tries for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if host and "/" not in host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), _PROBE_S).close()
        except (OSError, OverflowError) as error:
            raise _unreachable(address, str(error)) from error


def _unreachable(address: str, said: str, perhaps: str = "") -> ClusterError:
    return ClusterError(
        f"{RAY_VARIABLE}={address}: no Ray cluster can be used there ({said}); start one with `ray "
        f"start --head`{perhaps}, or unset the variable to compute on this machine"
    )
