"""Actors at work on pieces: a dead actor is replaced, and what it was doing is done again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from mfsn.errors import ClusterError, MfsnError
from mfsn.features.extraction.items import Item
from mfsn.features.ray.actor import Job, Premises, ShardMaker
from mfsn.features.ray.cluster import Slots, import_ray
from mfsn.store.marker import Marker

MOST_DEATHS = 3
"""How many actors may die at the same piece, or one after the other while they start."""

_PATIENCE_S = 30.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Piece:
    """Rows that become one shard."""

    items: Sequence[Item]
    deaths: int = 0


@dataclass(eq=False)
class _Actor:
    handle: Any
    is_open: bool = False


@dataclass(frozen=True)
class _Call:
    """What an actor was asked to do: a piece, or at first to open."""

    actor: _Actor
    piece: Piece | None


class Pool:
    """As many actors as there are slots, or pieces; each has up to two pieces at once.

    Args:
        slots: what the cluster takes.
        job: what the actors do.
        premises: what their nodes must fulfil.
        pieces: the rows.
    """

    def __init__(self, slots: Slots, job: Job, premises: Premises, pieces: Sequence[Piece]) -> None:
        self._ray = ray = import_ray()
        self._remote = ray.remote(max_concurrency=2, **slots.options)(ShardMaker)
        self._opening = (premises, ray.cloudpickle.dumps(job))
        self._waiting = deque(pieces)
        self._left = len(pieces)
        self._size = min(slots.count, len(pieces))
        self._attempts = count()
        self._deaths_at_start = 0
        self._actors: list[_Actor] = []
        self._calls: dict[Any, _Call] = {}

    def run(self) -> Iterator[Marker]:
        """Start the actors, and give each piece's marker once its shard is written.

        Raises:
            ClusterError: if `MOST_DEATHS` actors die at the same piece or while they start.
            MfsnError: as an actor raises it.
        """
        for _ in range(self._size):
            self._start()
        while self._left:
            for ended in self._wait():
                yield from self._result(ended)
                self._hand_out()

    def close(self) -> None:
        """Kill the actors and wait until none of them writes."""
        for actor in self._actors:
            self._ray.kill(actor.handle)
        if self._calls:
            self._ray.wait([*self._calls], num_returns=len(self._calls), timeout=_PATIENCE_S)

    def _start(self) -> None:
        actor = _Actor(self._remote.remote())
        self._actors.append(actor)
        self._calls[actor.handle.open.remote(*self._opening)] = _Call(actor, None)

    def _hand_out(self) -> None:
        """Give every open actor a piece; a second one while there are more than enough."""
        at_once = 2 if len(self._waiting) > self._size else 1
        busy = [call.actor for call in self._calls.values()]
        for actor in self._actors:
            if self._waiting and actor.is_open and busy.count(actor) < at_once:
                piece = self._waiting.popleft()
                attempt = next(self._attempts)
                self._calls[actor.handle.write.remote(attempt, piece.items)] = _Call(actor, piece)

    def _wait(self) -> Sequence[Any]:
        ended, _ = self._ray.wait([*self._calls], timeout=_PATIENCE_S)
        if not ended and not any(actor.is_open for actor in self._actors):
            log.warning("waiting until the Ray cluster has started an actor")
        return list(ended)

    def _result(self, ended: Any) -> Iterator[Marker]:
        call = self._calls.pop(ended)
        try:
            marker = self._ray.get(ended)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, MfsnError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            self._replace(call, type(error).__name__)
            return
        if call.piece is None:
            call.actor.is_open = True
            self._deaths_at_start = 0
        else:
            self._left -= 1
            yield marker

    def _replace(self, call: _Call, said: str) -> None:
        if call.actor in self._actors:
            log.warning("an actor died; another one takes its place")
            self._actors.remove(call.actor)
            self._start()
        if call.piece is None:
            self._deaths_at_start += 1
            deaths = self._deaths_at_start
        else:
            call.piece.deaths += 1
            deaths = call.piece.deaths
            self._waiting.append(call.piece)  # at the end: what kills actors must not stop others
        if deaths == MOST_DEATHS:
            raise ClusterError(
                f"{deaths} Ray actors died at the same rows, or while they started, most often "
                f"because memory ran out (Ray says {said}); everything finished so far is intact; "
                "look at Ray's logs on the nodes, and run the same command again"
            )
