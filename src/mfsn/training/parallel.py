"""Running units, one after the other or several at once, with the same bytes either way.

Every unit computes on one thread, with deterministic algorithms and from its own seeds, so neither
the number of workers nor their order shows in a result. Workers are spawned processes. They hold
one end of a pipe whose other end only this process has: when it ends, however it ends, the pipe
breaks and the workers leave.
"""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Protocol

from tqdm import tqdm

from mfsn.cache.lock import exclusive
from mfsn.errors import TrainingError
from mfsn.training.units import Unit

Do = Callable[[Unit], str]
"""Computes a unit and gives a line about it."""


class Work(Protocol):
    """What a worker does; it travels to the workers, so it holds plain values."""

    def open(self) -> Do:
        """Read what all units need, once a process."""


def run_units(units: Sequence[Unit], work: Work, jobs: int) -> Iterator[tuple[Unit, str]]:
    """Compute units and give each as it is finished.

    Args:
        units: what to compute.
        work: how.
        jobs: processes at once; 1 computes in this process. Each opens `work`.

    Yields:
        A unit and the line about it, in the order in which they end.

    Raises:
        TrainingError: if a worker dies, or as the unit raises; other units that are finished stay
            so, and unfinished ones go on from their last epoch when run again.
        StoreBusyError: if another process computes one of them and does not finish it in time
            (see `mfsn.cache.lock.wait_s`).
    """
    if min(jobs, len(units)) <= 1:
        return _run_here(units, work)
    return _run_in_workers(units, work, min(jobs, len(units)))


def _run_here(units: Sequence[Unit], work: Work) -> Iterator[tuple[Unit, str]]:
    if units:
        with _pinned_torch():
            do = work.open()
            for unit in units:
                yield unit, _alone(do, unit)


def _run_in_workers(units: Sequence[Unit], work: Work, jobs: int) -> Iterator[tuple[Unit, str]]:
    context = multiprocessing.get_context("spawn")
    far_end, lifeline = context.Pipe(duplex=False)
    level = logging.getLogger("mfsn").getEffectiveLevel()
    workers = ProcessPoolExecutor(jobs, context, _start_worker, (work, far_end, level))
    bar = tqdm(total=len(units), desc="folds and seeds", unit="unit", disable=None, leave=False)
    with contextlib.closing(lifeline), workers as pool, bar:
        try:
            waiting = {pool.submit(_compute, unit): unit for unit in units}
            # Submitting starts a worker after it wakes the thread that watches workers: without
            # one more wake, the death of the last worker could go unnoticed.
            pool.submit(os.getpid)
            for future in as_completed(waiting):
                line = future.result()
                bar.clear()  # whoever prints the line gets one of its own
                yield waiting[future], line
                bar.update()
                bar.refresh()
        except BaseException as error:
            lifeline.close()
            if isinstance(error, BrokenProcessPool):
                raise TrainingError(
                    "a worker process was killed, most often because memory ran out; run again "
                    "with fewer --jobs or less MFSN_MEMORY: finished epochs are kept"
                ) from None
            raise


class _Worker:
    """What a worker process keeps between units."""

    work: Work
    do: Do | None = None


class _NoTerminal(io.TextIOWrapper):
    """Where progress bars stay away from: those of several processes overwrite each other."""

    def isatty(self) -> bool:
        return False


def _start_worker(work: Work, lifeline: Connection, level: int) -> None:
    sys.stderr = _NoTerminal(sys.stderr.buffer, line_buffering=True)
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("mfsn").setLevel(level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to leave
    threading.Thread(target=_leave_with_parent, args=(lifeline,), daemon=True).start()
    _Worker.work = work


def _leave_with_parent(lifeline: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv()
    os._exit(1)


def _compute(unit: Unit) -> str:
    if _Worker.do is None:
        _pin_torch()
        _Worker.do = _Worker.work.open()
    return _alone(_Worker.do, unit)


def _alone(do: Do, unit: Unit) -> str:
    """Compute a unit, unless a process that runs beside this one has just done so."""
    with exclusive(unit.folder):
        return "computed by another process" if unit.finished else do(unit)


def _pin_torch() -> None:
    """One thread and deterministic algorithms; torch refuses an operation that has none."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(1)
    # Holds on a GPU too: what has no deterministic gradient there is written out in mfsn.models,
    # and the spectrogram's interpolation needs no gradient.
    torch.use_deterministic_algorithms(True)


@contextlib.contextmanager
def _pinned_torch() -> Iterator[None]:
    import torch

    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    _pin_torch()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)
