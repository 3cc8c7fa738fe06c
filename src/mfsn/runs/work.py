"""What a process does with units: it opens a `Work`, and computes one unit after the other."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from threadpoolctl import threadpool_limits

from mfsn import runtime
from mfsn.runs.unit import Unit
from mfsn.store.lock import exclusive

Do = Callable[[Unit], str]
"""Computes a unit and returns a line about it."""

Device = Literal["cpu", "auto"]

log = logging.getLogger(__name__)

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Needs:
    """What a unit takes of the machine while it is computed."""

    threads: int | None = 1
    """The threads of one unit. None takes the threads of the machine (`mfsn.runtime.threads`) and
    divides them among the units that run at once. Another number of threads rounds differently."""
    device: Device = "auto"
    """`cpu` never uses a GPU; `auto` is `mfsn.runtime.device`."""
    memory_bytes: int = 0
    """The memory that one process fills with features. Only a cluster asks for it: it starts no
    more processes on a node than fit."""
    folders: tuple[Path, ...] = ()
    """What `Work.open` and its function read besides the units' own folders. Every node of a
    cluster must see these folders."""

    def threads_each(self, jobs: int) -> int:
        """The threads of one unit where `jobs` units run at once on this machine.

        Raises:
            ConfigError: as `mfsn.runtime.threads`.
        """
        return self.threads or max(1, runtime.threads() // jobs)


ONE_THREAD = Needs()


class Work(Protocol):
    """What all units of a stage share; it is pickled to reach other processes."""

    def open(self) -> Do:
        """Read what all units need, once per process.

        The process is `pinned` already, so `mfsn.runtime.device` gives the device to compute on.
        """
        ...


def in_worker() -> bool:
    """Whether this process is a worker, whose progress bars would overwrite those of the others."""
    return multiprocessing.parent_process() is not None


def computing(work: Work, device: Device, threads: int) -> Do:
    """A function that computes units in this process; it opens the work with its first unit.

    The function raises `StoreBusyError` if another process computes the unit and does not finish in
    time (see `mfsn.store.lock.wait_s`), else what the work raises.
    """
    opened = functools.cache(work.open)

    def do(unit: Unit) -> str:
        """Compute a unit on the device, with these threads."""
        with pinned(device, threads):
            return _alone(opened(), unit)

    return do


def aside(do: Do) -> Do:
    """Let another thread compute units while this one waits, so that Ctrl-C and `kill` are heard.

    Solvers such as liblinear compute for minutes without a look at signals. The other thread is
    then left to itself, and goes with the process.
    """

    def wait(unit: Unit) -> str:
        """Wait for the thread that computes a unit."""
        result: Future[str] = Future()

        def compute() -> None:
            """Hand over the result, or what went wrong."""
            try:
                result.set_result(do(unit))
            except BaseException as error:  # raised again by the thread that waits
                result.set_exception(error)

        threading.Thread(target=compute, name="mfsn-unit", daemon=True).start()
        return result.result()

    return wait


def _alone(do: Do, unit: Unit) -> str:
    """Compute a unit, unless another process has just finished it."""
    with exclusive(unit.folder):
        if unit.finished:
            return "computed by another process"
        if unit.damaged:
            log.warning("%s: the results in %s are damaged; it is fitted again",
                        unit.label, unit.folder)  # fmt: skip
        line = do(unit)
        unit.seal()
        return line


@contextlib.contextmanager
def pinned(device: Device, threads: int) -> Iterator[None]:
    """Fix what decides the bits of a result: the device, the threads, deterministic algorithms.

    torch refuses an operation that has no deterministic algorithm.

    Args:
        device: `cpu`, or `auto` to leave the device as it is.
        threads: of torch, and of the linear algebra of numpy, scipy and scikit-learn.
    """
    import torch

    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    # Libraries that are loaded later read the variables; the limit is for those that are here.
    with _variables(device, threads), threadpool_limits(threads):
        torch.set_num_threads(threads)
        # This holds on a GPU too: mfsn.models writes out what has no deterministic gradient there,
        # and the interpolation of the spectrogram needs no gradient.
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.set_deterministic_debug_mode(before[1])


@contextlib.contextmanager
def _variables(device: Device, threads: int) -> Iterator[None]:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    new = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    if device != "auto":
        new[runtime.DEVICE_VARIABLE] = device
    old = {name: os.environ.get(name) for name in new}
    os.environ.update(new)
    try:
        yield
    finally:
        for name, text in old.items():
            if text is None:
                del os.environ[name]
            else:
                os.environ[name] = text
