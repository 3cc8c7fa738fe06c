"""Does the next pieces of work in a thread while the present result is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[T], R], pieces: Iterable[T], most: int = 2) -> Generator[R, None, None]:
    """The results of `work` in the order of the pieces; up to `most` of them are made ahead.

    An error in the thread is raised when its result is due. Closing the iterator waits for the
    piece that is being worked on.
    """
    thread = ThreadPoolExecutor(1, "mfsn-ahead")
    waiting: deque[Future[R]] = deque()
    try:
        for piece in pieces:
            waiting.append(thread.submit(work, piece))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        thread.shutdown(cancel_futures=True)
