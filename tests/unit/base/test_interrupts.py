"""Steps that Ctrl-C and `kill` do not cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from mfsn.base.interrupts import SIGNALS, held_back


@pytest.fixture(params=SIGNALS)
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that raises KeyboardInterrupt."""
    before = signal.signal(request.param, signal.default_int_handler)
    yield request.param
    signal.signal(request.param, before)


def test_a_signal_waits_for_the_end(number: signal.Signals) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(number)
        signal.raise_signal(number)
        done.append("all")
    assert done == ["all"]
    assert signal.getsignal(number) is signal.default_int_handler


def test_an_error_of_the_body_does_not_swallow_it(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, held_back():
        signal.raise_signal(number)
        raise ZeroDivisionError
    assert isinstance(caught.value.__context__, ZeroDivisionError)


def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    with held_back():
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_IGN


def test_threads_may_use_it() -> None:
    done = []

    def body() -> None:
        with held_back():
            done.append("all")

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert done == ["all"]
