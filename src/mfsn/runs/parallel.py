"""Running units, one after the other or several at once, with the same bytes either way.

Every unit computes on one thread, with deterministic algorithms and from its own seeds, so neither
the number of workers nor their order shows in a result. Workers are spawned processes. Each holds
one end of a pipe whose other end only this process has: when it ends, however it ends, the pipe
breaks and the worker leaves. There is nothing else between them, as the queues and locks of
`concurrent.futures` are, which a killed process leaves behind in the system.
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
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Protocol, cast

from tqdm import tqdm

from mfsn.errors import MfsnError, TrainingError
from mfsn.runs.unit import Unit
from mfsn.store.lock import exclusive

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
            (see `mfsn.store.lock.wait_s`).
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
    waiting = deque(units)
    busy: dict[Connection, Unit] = {}
    bar = tqdm(total=len(units), desc="folds and seeds", unit="unit", disable=None, leave=False)
    with contextlib.ExitStack() as workers, bar:
        for _ in range(jobs):
            _hand(workers.enter_context(_worker(work)), waiting, busy)
        while busy:
            for ready in connection.wait(list(busy)):
                pipe = cast(Connection, ready)
                unit, line = busy.pop(pipe), _line_from(pipe)
                _hand(pipe, waiting, busy)
                bar.clear()  # whoever prints the line gets one of its own
                yield unit, line
                bar.update()
                bar.refresh()


@contextlib.contextmanager
def _worker(work: Work) -> Iterator[Connection]:
    """A worker process: the pipe to it, which takes units and gives lines or exceptions."""
    context = multiprocessing.get_context("spawn")
    pipe, far_end = context.Pipe()
    level = logging.getLogger("mfsn").getEffectiveLevel()
    process = context.Process(target=_serve, args=(far_end, work, level))
    with contextlib.ExitStack() as ending:
        with _signals_kept_back():
            process.start()
            ending.callback(process.join)
            ending.callback(pipe.close)
        far_end.close()
        yield pipe


@contextlib.contextmanager
def _signals_kept_back() -> Iterator[None]:
    """Workers inherit that they hear neither Ctrl-C nor a polite kill: the parent says when to
    leave, whoever else of its process group is told so.
    """
    resource_tracker.ensure_running()  # would let them through when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hand(pipe: Connection, waiting: deque[Unit], busy: dict[Connection, Unit]) -> None:
    """Give a worker the next unit, if there is one."""
    if waiting:
        busy[pipe] = waiting.popleft()
        with contextlib.suppress(OSError):  # it died: so will say the next look at its pipe
            pipe.send(busy[pipe])


def _line_from(pipe: Connection) -> str:
    try:
        found = pipe.recv()
    except (EOFError, OSError):
        raise TrainingError(
            "a worker process was killed, most often because memory ran out; run again with fewer "
            "--jobs or less MFSN_MEMORY: finished epochs are kept"
        ) from None
    if isinstance(found, Exception):
        raise found
    return str(found)


class _NoTerminal(io.TextIOWrapper):
    """Where progress bars stay away from: those of several processes overwrite each other."""

    def isatty(self) -> bool:
        return False


def _serve(pipe: Connection, work: Work, level: int) -> None:
    """What a worker does: unit after unit, until it is told to leave."""
    sys.stderr = _NoTerminal(sys.stderr.buffer, line_buffering=True)
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("mfsn").setLevel(level)
    # Its own lock is one between processes, which a worker would leave behind in the system.
    tqdm.set_lock(threading.RLock())
    units: SimpleQueue[Unit] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, units), daemon=True).start()
    do: Do | None = None
    while True:
        unit = units.get()
        try:
            if do is None:
                _pin_torch()
                do = work.open()
            pipe.send(_alone(do, unit))
        except MfsnError as error:
            pipe.send(error)
        except Exception as error:
            error.add_note(f"in a worker process:\n{traceback.format_exc()}")
            pipe.send(error)


def _receive(pipe: Connection, units: SimpleQueue[Unit]) -> None:
    """Take units, and leave with the parent in the midst of whatever is being computed."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            units.put(pipe.recv())
    os._exit(0)


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
