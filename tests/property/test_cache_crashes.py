"""Whatever is appended and wherever the writer dies: no committed row is ever lost or wrong."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.gc.gc import carry_out, make_plan
from mfsn.store.gc.plan import Wish
from mfsn.store.marker import read_all
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.verify import verify

ARRAYS = (
    ArraySpec("low", (2,), "float16", ("feature",)),
    ArraySpec("count", (), "int64", ()),
)
SPEC = StoreSpec("sec", {"extractor": "sec"}, ARRAYS)
KEYS = [SPEC.row_key(str(row), 0) for row in range(24)]

Appended = list[int]
appended = st.lists(st.integers(0, len(KEYS) - 1), min_size=1, max_size=9)
dies_at = st.none() | st.integers(0, 45)
histories = st.lists(st.tuples(appended, dies_at), min_size=1, max_size=6)


class Killed(BaseException):
    """The writer is dead: no clean-up of its own runs any more."""


@contextlib.contextmanager
def dying(moment: int | None) -> Iterator[None]:
    """Let every flush, rename and removal fail from the `moment`-th on, as after a kill."""
    left = [moment]

    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if left[0] is None:
                return function(*arguments, **options)
            if left[0] <= 0:
                die()
            left[0] -= 1
            return function(*arguments, **options)

        return call

    def die() -> NoReturn:
        raise Killed

    with (
        mock.patch.object(os, "fsync", mortal(lambda _: None)),
        mock.patch.object(os, "replace", mortal(os.replace)),
        mock.patch.object(Path, "unlink", mortal(Path.unlink)),
        contextlib.suppress(Killed),
    ):
        yield


def rows(numbers: Appended) -> dict[str, Any]:
    low = np.array(numbers, np.float16)[:, None] * np.array([1, -2], np.float16)
    return {"low": low, "count": np.array(numbers, np.int64)}


def append(store: Store, numbers: Appended) -> None:
    with store.writer() as writer:
        writer.append([KEYS[number] for number in numbers], rows(numbers))


def assert_right(store: Store) -> set[str]:
    """Every row that is there has its own values; returns the keys."""
    numbers = [number for number, key in enumerate(KEYS) if key in store.committed()]
    read = store.read([KEYS[number] for number in numbers])
    for name, expected in rows(numbers).items():
        np.testing.assert_array_equal(read[name], expected)
    return set(store.committed())


@settings(deadline=None, max_examples=30)
@given(histories)
def test_committed_rows_survive_every_history(history: list[tuple[Appended, int | None]]) -> None:
    with (
        tempfile.TemporaryDirectory() as root,
        mock.patch.object(layout, "MOST_ROWS_PER_SHARD", 4),
    ):
        safe: set[str] = set()
        for numbers, moment in history:
            with dying(moment):
                append(Store(Path(root), SPEC), numbers)
            there = assert_right(Store(Path(root), SPEC))
            assert there >= safe
            if moment is None:
                assert there == safe | {KEYS[number] for number in numbers}
            safe = there
        assert_whole_again(Store(Path(root), SPEC))


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 11), min_size=1), st.integers(0, 40))
def test_a_repair_that_is_killed_loses_no_intact_row(damaged: set[int], moment: int) -> None:
    with (
        tempfile.TemporaryDirectory() as root,
        mock.patch.object(layout, "MOST_ROWS_PER_SHARD", 4),
    ):
        store = Store(Path(root), SPEC)
        with dying(None):
            append(store, list(range(12)))
        for row in damaged:
            flip(store.path / f"low/c.{row // 4}.0", (row % 4) * 8)
        with dying(moment):
            verify(store.root, repair=True)
        with dying(None):
            verify(store.root, repair=True)
        there = assert_right(Store(Path(root), SPEC))
        assert there == {KEYS[row] for row in range(12) if row not in damaged}
        assert_whole_again(Store(Path(root), SPEC))


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 11)), st.booleans(), st.integers(0, 60))
def test_a_garbage_collection_that_is_killed_loses_no_named_row(
    named: set[int], compact: bool, moment: int
) -> None:
    with (
        tempfile.TemporaryDirectory() as root,
        mock.patch.object(layout, "MOST_ROWS_PER_SHARD", 4),
    ):
        store, checkout = Store(Path(root, "store"), SPEC), Path(root, "checkout")
        with dying(None):
            for first, end in ((0, 5), (5, 8), (8, 12)):
                append(store, list(range(first, end)))
            digest = Digest.of(SPEC, {}, {f"u{row}#0": KEYS[row] for row in named})
            digest.write(checkout / "data/prepared/toy/features/sec.json")
        wish = Wish(unused_s=0, grace_s=0, compact=compact)
        with dying(moment):
            carry_out(make_plan(store.root, checkout, wish))
        assert assert_right(Store(store.root, SPEC)) >= {KEYS[row] for row in named}
        with dying(None):
            carry_out(make_plan(store.root, checkout, wish))
        there = assert_right(Store(store.root, SPEC))
        assert there >= {KEYS[row] for row in named}
        if compact or not named:
            assert there == {KEYS[row] for row in named}
        assert_whole_again(Store(store.root, SPEC))


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def assert_whole_again(store: Store) -> None:
    with dying(None):
        append(store, list(range(len(KEYS))))
    assert assert_right(store) == set(KEYS)
    assert verify(store.root).is_sound
    found = layout.load(store.path)
    assert found is not None
    markers = {marker.shard: marker for marker in read_all(found)[0]}
    assert sum(len(marker.keys) for marker in markers.values()) == len(KEYS)  # none twice
    assert {path.name for path in store.path.rglob("*") if path.is_file()} == {
        *(f"c.{shard}.0" for shard in markers),
        *(f"c.{shard}" for shard in markers),
        *(f"{shard:06d}.json" for shard in markers),
        "zarr.json",
        ".lock",
    }
