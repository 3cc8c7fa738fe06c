"""Work that is done ahead of its use."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from mfsn.features.extraction.read_ahead import ahead


def test_results_come_in_order() -> None:
    assert list(ahead(lambda piece: piece * piece, range(20))) == [n * n for n in range(20)]
    assert list(ahead(str, [])) == []


def test_no_more_is_done_than_was_asked_for() -> None:
    given: list[int] = []

    def pieces() -> Iterator[int]:
        for piece in range(20):
            given.append(piece)
            yield piece

    with contextlib.closing(ahead(str, pieces(), most=3)) as results:
        next(results)
        assert given == [0, 1, 2, 3]


def test_the_next_is_done_while_one_is_used() -> None:
    done = threading.Event()

    def work(piece: int) -> int:
        if piece == 1:
            done.set()
        return piece

    with contextlib.closing(ahead(work, range(5))) as results:
        assert next(results) == 0
        assert done.wait(10)


def test_what_goes_wrong_is_raised_where_its_result_is_due() -> None:
    def work(piece: int) -> int:
        if piece == 2:
            raise OSError("gone")
        return piece

    results = ahead(work, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_closing_leaves_no_thread() -> None:
    results = ahead(lambda piece: piece, range(50))
    next(results)
    results.close()
    assert not [thread for thread in threading.enumerate() if "mfsn-ahead" in thread.name]
