"""Workers of a cluster at their tasks: a dead worker is replaced, and its task is done again."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from mfsn.cluster.connection import import_ray
from mfsn.cluster.node import Job, Premises, Worker
from mfsn.cluster.slots import Slots
from mfsn.errors import ClusterError, MfsnError

MOST_DEATHS = 3
"""How many workers may die at the same task, or one after the other while they start."""

_PATIENCE_S = 30.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Task:
    content: Any
    deaths: int = 0


@dataclass(eq=False)
class _Worker:
    handle: Any
    is_open: bool = False


@dataclass(frozen=True)
class _Call:
    """What a worker was asked to do: a task, or at first to open the job."""

    worker: _Worker
    task: _Task | None


class Pool:
    """As many workers as there are slots, or as there are tasks if these are fewer.

    Args:
        slots: what the cluster has room for.
        job: what the workers do.
        premises: what their nodes must fulfil.
        tasks: what the job's function takes, one after the other.
        what: names one task in messages, such as `unit`.
        at_once: the most tasks that one worker has at the same time.
    """

    def __init__(
        self,
        slots: Slots,
        job: Job,
        premises: Premises,
        tasks: Sequence[Any],
        *,
        what: str,
        at_once: int = 1,
    ) -> None:
        self._ray = ray = import_ray()
        self._remote = ray.remote(max_concurrency=at_once, **slots.options)(Worker)
        self._opening = (premises, ray.cloudpickle.dumps(job))
        self._waiting = deque(map(_Task, tasks))
        self._left = len(tasks)
        self._size = min(slots.count, len(tasks))
        self._what, self._at_once = what, at_once
        self._attempts = count()
        self._deaths_at_start = 0
        self._workers: list[_Worker] = []
        self._calls: dict[Any, _Call] = {}

    def run(self) -> Iterator[tuple[Any, Any]]:
        """Start the workers, and give each task with its result as soon as it is done.

        Raises:
            ClusterError: if `MOST_DEATHS` workers die at the same task or while they start.
            MfsnError: as a worker raises it.
        """
        for _ in range(self._size):
            self._start()
        while self._left:
            for ended in self._wait():
                yield from self._result(ended)
                self._hand_out()

    def add(self, content: Any) -> None:
        """Add a task while `run` runs; it is the next one to be handed out."""
        self._waiting.appendleft(_Task(content))
        self._left += 1

    def drain(self) -> Iterator[tuple[Any, Any]]:
        """Wait for the tasks that workers have, for some time, and give their results.

        It is for the end after an interruption: no further task is handed out, and tasks that fail
        are left out.
        """
        tasks = {handle: call.task for handle, call in self._calls.items() if call.task}
        if not tasks:
            return
        ended, _ = self._ray.wait([*tasks], num_returns=len(tasks), timeout=_PATIENCE_S)
        for handle in ended:
            del self._calls[handle]
            with contextlib.suppress(self._ray.exceptions.RayError):
                yield tasks[handle].content, self._ray.get(handle)

    def close(self) -> None:
        """Kill the workers and wait until none of them writes."""
        for worker in self._workers:
            self._ray.kill(worker.handle)
        if self._calls:
            self._ray.wait([*self._calls], num_returns=len(self._calls), timeout=_PATIENCE_S)

    def _start(self) -> None:
        worker = _Worker(self._remote.remote())
        self._workers.append(worker)
        self._calls[worker.handle.open.remote(*self._opening)] = _Call(worker, None)

    def _hand_out(self) -> None:
        """Give every open worker a task, and a further one while more than enough are waiting."""
        at_once = self._at_once if len(self._waiting) > self._size else 1
        busy = [call.worker for call in self._calls.values()]
        for worker in self._workers:
            if self._waiting and worker.is_open and busy.count(worker) < at_once:
                task = self._waiting.popleft()
                call = worker.handle.compute.remote(next(self._attempts), task.content)
                self._calls[call] = _Call(worker, task)

    def _wait(self) -> Sequence[Any]:
        ended, _ = self._ray.wait([*self._calls], timeout=_PATIENCE_S)
        if not ended and not any(worker.is_open for worker in self._workers):
            log.warning("waiting until the Ray cluster has started a worker")
        return list(ended)

    def _result(self, ended: Any) -> Iterator[tuple[Any, Any]]:
        call = self._calls.pop(ended)
        try:
            result = self._ray.get(ended)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MfsnError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            self._replace(call, type(error).__name__)
            return
        if call.task is None:
            call.worker.is_open = True
            self._deaths_at_start = 0
        else:
            self._left -= 1
            yield call.task.content, result

    def _replace(self, call: _Call, said: str) -> None:
        if call.worker in self._workers:
            log.warning("a Ray worker died; another one takes its place")
            self._workers.remove(call.worker)
            self._start()
        if call.task is None:
            self._deaths_at_start += 1
            deaths = self._deaths_at_start
        else:
            call.task.deaths += 1
            deaths = call.task.deaths
            self._waiting.append(call.task)  # at the end, so that it does not stop other tasks
        if deaths == MOST_DEATHS:
            raise ClusterError(
                f"{deaths} Ray workers died at the same {self._what}, or while they started, most "
                f"often because memory ran out (Ray says {said}); everything finished so far is "
                "kept; look at Ray's logs on the nodes, and run the same command again"
            )
