"""The index of a store directory against plain dictionaries."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.store.index import Index, RowAddress
from mfsn.store.marker import Marker

ARRAYS = ("shard", "high")  # the name of an array may be that of anything else


def marker(shard: int, keys: list[str]) -> Marker:
    """Row `p` of shard `s` has the checksum 100 s + p, and 2**32 - 1 less that in `high`."""
    sums = [100 * shard + position for position in range(len(keys))]
    checksums = {"shard": tuple(sums), "high": tuple(2**32 - 1 - value for value in sums)}
    return Marker(shard, tuple(keys), checksums, {})


shards = st.lists(
    st.lists(st.text("abcdefé\ud800", min_size=1, max_size=4), unique=True, max_size=6), max_size=5
)


@given(shards, st.lists(st.text("abcdefé", max_size=4), max_size=9))
@settings(deadline=None, max_examples=25)
def test_the_later_of_two_rows_counts_and_nothing_else_is_found(
    keys_of: list[list[str]], others: list[str]
) -> None:
    expected = {
        key: RowAddress(shard, position)
        for shard, keys in enumerate(keys_of)
        for position, key in enumerate(keys)
    }
    index = Index((marker(*each) for each in enumerate(keys_of)), ARRAYS)
    assert dict(index) == expected
    asked = [*expected, *others]
    places = index.places(asked)
    for key, place in zip(asked, places.tolist(), strict=True):
        assert (place >= 0) == (key in expected) == (key in index)
        if place >= 0:
            assert (index.shard[place], index.position[place]) == expected[key]
    known = places[places >= 0]
    sums = [100 * expected[k].shard + expected[k].position for k in asked if k in expected]
    assert index.checksums("shard", known) == sums
    assert index.checksums("high", known) == [2**32 - 1 - value for value in sums]


def test_rows_come_in_the_order_of_shards() -> None:
    index = Index([marker(0, ["z", "b"]), marker(3, ["y", "a"])], ARRAYS)
    assert list(index) == ["z", "b", "y", "a"]
    assert np.diff(index.shard).min() == 0


def test_an_unknown_key_is_a_key_error() -> None:
    for index in (Index([], ARRAYS), Index([marker(0, ["b"])], ARRAYS)):
        for key in ("", "a", "c"):
            with pytest.raises(KeyError):
                index[key]


def test_a_hundred_bytes_a_row() -> None:
    keys = [f"{row:064x}" for row in range(20_000)]
    markers = [
        marker(s, keys[first : first + 500]) for s, first in enumerate(range(0, 20_000, 500))
    ]
    tracemalloc.start()
    index = Index(markers, ARRAYS)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 100 * len(index)
