"""Rows in columns against the same rows made one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.features.base import Scope
from mfsn.features.extraction.items import Item, items_of
from mfsn.manifest import SEGMENTS
from mfsn.segments.config import SegmentConfig
from mfsn.store.spec import ArraySpec, StoreSpec

SPEC = StoreSpec("mfcc", {}, (ArraySpec("mfcc", (1,), "float32", ("coefficient",)),))
WAVES = StoreSpec("waveform", {}, SPEC.arrays)
SEGMENTS_OF = {"c": 3, "a": 1, "b": 2, "d": 1}


def table_of(counts: dict[str, int]) -> pd.DataFrame:
    """Segments of 8 samples; `d` has the audio of `a`."""
    rows = []
    for name, count in counts.items():
        sha = f"sha {name.replace('d', 'a')}"
        for index in range(count):
            place = (f"{name}#{index}", name, index, 8 * index, 8 - index, 0, sha)
            rows.append((*place, WAVES.row_key(sha, 8 * index)))
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def expected(name: str, scope: Scope, reading: str) -> list[tuple[str, Item]]:
    """Id and row of everything that an utterance gives."""
    sha, count = f"sha {name.replace('d', 'a')}", SEGMENTS_OF[name]
    waves = tuple(WAVES.row_key(sha, 8 * index) for index in range(count))
    valid = tuple(8 - index for index in range(count))
    if scope == "utterance":
        return [(name, Item(SPEC.row_key(sha, 0), waves, valid))]
    keys = [SPEC.row_key(sha, 8 * index) for index in range(count)]
    if scope == "segments_of_utterance":
        made = [Item(key, waves, valid, index=index) for index, key in enumerate(keys)]
    else:
        before = [None, *waves[:-1]] if reading == "as_published" else [None] * count
        made = [Item(keys[i], (waves[i],), (valid[i],), before[i]) for i in range(count)]
    return [(f"{name}#{index}", item) for index, item in enumerate(made)]


@pytest.mark.parametrize("reading", ["fixed", "as_published"])
@pytest.mark.parametrize("scope", ["segment", "utterance", "segments_of_utterance"])
def test_every_row_hears_what_it_is_made_of(scope: Scope, reading: Any) -> None:
    config = SegmentConfig(duration_s=0.001, sample_rate_hz=8000, reading=reading)
    ids, items = items_of(table_of(SEGMENTS_OF), scope, config, SPEC, WAVES)
    order = SEGMENTS_OF if scope == "segment" else sorted(SEGMENTS_OF)
    rows = [row for name in order for row in expected(name, scope, reading)]
    assert ids == [name for name, _ in rows]
    assert list(items) == items[:] == [item for _, item in rows]
    assert list(items.keys) == [item.key for item in items]


def test_each_key_is_given_once() -> None:
    config = SegmentConfig(duration_s=0.001, sample_rate_hz=8000)
    _, items = items_of(table_of(SEGMENTS_OF), "segment", config, SPEC, WAVES)
    wanted = {SPEC.row_key("sha a", 0), SPEC.row_key("sha c", 16), "unknown"}
    chosen = items.only(wanted)
    assert [item.key for item in chosen] == [SPEC.row_key("sha c", 16), SPEC.row_key("sha a", 0)]
    assert chosen[-1] == chosen[1:][0] == items[3]
    assert len(items.only(())) == 0


def test_no_segments_are_no_rows() -> None:
    config = SegmentConfig(duration_s=0.001, sample_rate_hz=8000)
    for scope in ("segment", "utterance", "segments_of_utterance"):
        empty = table_of({"a": 1})[:0].astype({"start_sample": np.int64})
        ids, items = items_of(empty, scope, config, SPEC, WAVES)
        assert (ids, list(items)) == ([], [])
