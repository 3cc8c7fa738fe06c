"""The writer: shards made anywhere, written behind the computation, committed in order."""

from __future__ import annotations

import errno
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfsn.errors import CacheError, RangeError, StorageFullError
from mfsn.store import layout
from mfsn.store.layout import Layout
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.writer import COMMIT_AFTER_S, add_shard, write_shard

ARRAYS = (
    ArraySpec("high", (3,), "float16", ("feature",)),
    ArraySpec("count", (), "int64", ()),
)
SPEC = StoreSpec("sec", {"extractor": "sec"}, ARRAYS)
KEYS = [SPEC.row_key(str(row), 0) for row in range(12)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Shards of two rows."""
    monkeypatch.setattr(layout, "MOST_ROWS_PER_SHARD", 2)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return Store(tmp_path / "store", SPEC)


def rows(*numbers: int) -> dict[str, Any]:
    high = np.array(numbers, np.float32)[:, None] * np.array([1, -2, 0.5], np.float32)
    return {"high": high, "count": np.array(numbers, np.int64)}


def assert_there(store: Store, *numbers: int) -> None:
    assert set(store.committed()) == {KEYS[number] for number in numbers}
    read = store.read([KEYS[number] for number in numbers])
    for name, expected in rows(*numbers).items():
        np.testing.assert_array_equal(read[name], expected)


class Gate:
    """Lets nothing get its name while it is shut, and counts who came there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        self.seen: list[str] = []
        self._name, self._replace = name, os.replace
        monkeypatch.setattr(os, "replace", self._mortal)

    def _mortal(self, source: Path, target: Path) -> None:
        if self._name in str(target):
            self.seen.append(Path(target).name)
            self.reached.set()
            assert self.open.wait(10)
        self._replace(source, target)


def test_a_shard_written_anywhere_is_there_once_it_is_committed(store: Store) -> None:
    with store.writer() as writer:
        first, second = writer.reserve(), writer.reserve()
        assert first != second
        later = write_shard(writer.layout, second, KEYS[2:4], rows(2, 3))
        sooner = write_shard(writer.layout, first, KEYS[:2], rows(0, 1))
        assert not store.committed()
        writer.commit(later)
        assert_there(store, 2, 3)
        writer.commit(sooner)
    assert_there(store, 0, 1, 2, 3)


def test_a_reserved_number_is_not_used_by_rows_that_are_appended(store: Store) -> None:
    with store.writer() as writer:
        marker = write_shard(writer.layout, writer.reserve(), KEYS[:1], rows(0))
        writer.append(KEYS[1:3], rows(1, 2))
        writer.commit(marker)
    assert_there(store, 0, 1, 2)


def test_a_shard_is_checked_before_it_is_written(store: Store) -> None:
    with store.writer() as writer:
        with pytest.raises(RangeError, match="float16 can hold"):
            write_shard(writer.layout, 0, KEYS[:1], {**rows(0), "high": np.full((1, 3), 1e5)})
        with pytest.raises(CacheError, match=r"array count .* gave nothing"):
            write_shard(writer.layout, 0, KEYS[:1], {"high": rows(0)["high"]})
    assert not list(store.path.glob("*/c.*"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_no_value_that_is_not_finite_is_appended(store: Store, value: float, dtype: Any) -> None:
    high = np.zeros((1, 3), dtype)
    high[0, 1] = value
    with pytest.raises(RangeError, match="not finite"), store.writer() as writer:
        writer.append(KEYS[:1], {**rows(0), "high": high})


def test_rows_are_taken_while_a_shard_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.writer() as writer:
        gate = Gate(monkeypatch, "c.0")
        writer.append(KEYS[:3], rows(0, 1, 2))
        assert gate.reached.wait(10)
        assert not store.committed()
        gate.open.set()
    assert_there(store, 0, 1, 2)


def test_one_shard_is_in_flight_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.writer() as writer:
        gate = Gate(monkeypatch, "/high/c.")
        writer.append(KEYS[:3], rows(0, 1, 2))
        assert gate.reached.wait(10)
        waiting = threading.Thread(target=writer.append, args=(KEYS[3:5], rows(3, 4)))
        waiting.start()  # fills the second shard
        waiting.join(0.1)
        assert waiting.is_alive()
        assert gate.seen == ["c.0.0"]
        gate.open.set()
        waiting.join(10)
    assert_there(store, 0, 1, 2, 3, 4)


def test_what_goes_wrong_behind_is_said_in_front(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.writer() as writer:
        writer.append(KEYS[:2], rows(0, 1))

    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        full_disk = pytest.raises(StorageFullError, match="no space left on the disk")
        with full_disk, store.writer() as writer:
            for number in range(2, 12):
                writer.append([KEYS[number]], rows(number))
    assert_there(store, 0, 1)
    with store.writer() as writer:
        writer.append(KEYS[:4], rows(0, 1, 2, 3))
    assert_there(store, 0, 1, 2, 3)


def test_the_last_shard_that_cannot_be_written_is_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(source: Path, target: Path) -> None:
        raise OSError(errno.EIO, "input/output error")

    with pytest.raises(CacheError, match="cannot be reached"), store.writer() as writer:
        monkeypatch.setattr(os, "replace", gone)
        writer.append(KEYS[:1], rows(0))


def test_an_interrupt_waits_for_the_shard_in_flight(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock goes after it; the rows behind it are committed too."""
    with pytest.raises(KeyboardInterrupt), store.writer() as writer:
        gate = Gate(monkeypatch, "/high/c.")
        writer.append(KEYS[:3], rows(0, 1, 2))
        assert gate.reached.wait(10)
        threading.Timer(0.05, gate.open.set).start()
        raise KeyboardInterrupt
    assert_there(store, 0, 1, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_a_commit_waits_for_its_end(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Also a second one, while the rows of the first are being committed."""
    before = signal.signal(number, signal.default_int_handler)
    replace = os.replace

    def interrupted(source: Path, target: Path) -> None:
        signal.raise_signal(number)
        replace(source, target)

    try:
        with pytest.raises(KeyboardInterrupt), store.writer() as writer:
            monkeypatch.setattr(os, "replace", interrupted)
            writer.append(KEYS[:3], rows(0, 1, 2))
            writer.finish()
    finally:
        signal.signal(number, before)
    assert_there(store, 0, 1, 2)


def test_rows_are_committed_before_they_wait_for_half_a_minute(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, took = 0.0, COMMIT_AFTER_S / 3
    monkeypatch.setattr("mfsn.store.writer.time.monotonic", lambda: now)
    with store.writer() as writer:
        now += took
        writer.append(KEYS[:1], rows(0))
        assert writer.reserve() == 0  # nothing was sent: the number is free
        gate = Gate(monkeypatch, "/commits/")
        gate.open.set()
        now += took
        writer.append([], rows())  # the next rows are due after half a minute
        assert gate.reached.wait(60)
    assert_there(store, 0)


def test_rows_that_take_longer_than_half_a_minute_are_committed_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("mfsn.store.writer.time.monotonic", lambda: now)
    with store.writer() as writer:
        gate = Gate(monkeypatch, "/commits/")
        gate.open.set()
        now = COMMIT_AFTER_S * 0.75
        writer.append(KEYS[:1], rows(0))
        assert gate.reached.wait(60)
    assert_there(store, 0)


def test_an_error_in_the_body_is_told_and_its_rows_are_kept(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.writer() as writer:
        writer.append(KEYS[:3], rows(0, 1, 2))
        raise ZeroDivisionError
    assert_there(store, 0, 1, 2)


def test_a_shard_whose_rows_were_put_together_goes(store: Store) -> None:
    """As after a kill between the new shard and the end of the old one."""
    for number in range(2):
        with store.writer() as writer:
            writer.append(KEYS[number : number + 1], rows(number))
    add_shard(Layout(store.path, SPEC, 2), KEYS[:2], rows(0, 1))
    with store.writer() as writer:
        assert sorted(path.name for path in writer.layout.commits.iterdir()) == ["000002.json"]
    assert_there(store, 0, 1)


def test_a_staging_folder_of_a_killed_writer_is_removed(store: Store) -> None:
    with store.writer() as writer:
        writer.append(KEYS[:1], rows(0))
    left = store.path / ".staging" / "some" / "high" / "c.0.0"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with store.writer():
        assert not (store.path / ".staging").exists()
    assert_there(store, 0)
