"""Units in worker processes of this machine, each of them a `ProcessPoolExecutor` of one process.

A pool of the standard library waits for running tasks when it ends, and its workers survive a
parent that is killed. So a worker holds the reading end of a pipe, of which only this process has
the other end. When that end is closed, by this process or because it ended, the worker leaves,
whatever it is computing. A pool of several processes does not notice that a worker dies which it
started after it began to watch the others (Python 3.11), so each pool has one.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection

from mfsn.errors import TrainingError
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do

_KILLED = (
    "a worker process was killed, most often because memory ran out; run again with fewer --jobs "
    "or less MFSN_MEMORY: finished epochs are kept"
)

_compute: Do
"""In a worker: what computes its units."""


def run_in_workers(
    units: Sequence[Unit], start: Callable[[], Do], jobs: int
) -> Iterator[tuple[Unit, str]]:
    """Compute units in `jobs` processes, and give each as soon as it is finished.

    Args:
        units: what to compute.
        start: makes the function that computes one, once per process; it must be picklable.
        jobs: how many processes.

    Raises:
        TrainingError: if a worker dies.
        MfsnError: as a unit raises it.
    """
    waiting = deque(units)
    busy: dict[Future[str], tuple[ProcessPoolExecutor, Unit]] = {}
    with contextlib.ExitStack() as workers:
        for _ in range(jobs):
            _hand(workers.enter_context(_worker(start)), waiting, busy)
        while busy:
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                worker, unit = busy.pop(future)
                line = _line_from(future)
                _hand(worker, waiting, busy)
                yield unit, line


def _line_from(future: Future[str]) -> str:
    try:
        return future.result()
    except BrokenProcessPool:
        raise TrainingError(_KILLED) from None


@contextlib.contextmanager
def _worker(start: Callable[[], Do]) -> Iterator[ProcessPoolExecutor]:
    """A pool of one process, which is gone after the body, however it ends."""
    context = multiprocessing.get_context("spawn")
    level = logging.getLogger("mfsn").getEffectiveLevel()
    their_end, our_end = context.Pipe(duplex=False)
    with their_end, our_end:
        with _quiet_tracker():
            pool = ProcessPoolExecutor(1, context, _begin, (their_end, start, level))
        try:
            yield pool
        finally:
            our_end.close()
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _quiet_tracker() -> Iterator[None]:
    """Python's resource tracker removes what a killed process leaves; it need not report that.

    The tracker is a process, which starts with the first pool and reads this variable then.
    """
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, (before, "ignore:resource_tracker")))
    try:
        yield
    finally:
        del os.environ["PYTHONWARNINGS"]
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


def _hand(
    worker: ProcessPoolExecutor,
    waiting: deque[Unit],
    busy: dict[Future[str], tuple[ProcessPoolExecutor, Unit]],
) -> None:
    """Give a worker the next unit, if there is one; with its first unit the process starts.

    The process inherits that it does not hear Ctrl-C and `kill`. Both often reach a whole process
    group, and then this process answers them and ends the workers.
    """
    if not waiting:
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        unit = waiting.popleft()
        busy[worker.submit(_compute_unit, unit)] = worker, unit
    except (BrokenProcessPool, BrokenPipeError):
        raise TrainingError(_KILLED) from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(pipe: Connection, start: Callable[[], Do], level: int) -> None:
    """Prepare a worker: it leaves when the pipe closes, and logs to standard output."""
    global _compute  # noqa: PLW0603 (a pool has no other place for what a worker keeps)
    threading.Thread(target=_leave_when_closed, args=(pipe,), daemon=True).start()
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("mfsn").setLevel(level)
    _compute = start()


def _leave_when_closed(pipe: Connection) -> None:
    """End this process in the midst of whatever it computes."""
    pipe.poll(None)
    os._exit(0)


def _compute_unit(unit: Unit) -> str:
    return _compute(unit)
