"""Rows in columns against the same rows made one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mfsn.features.base import Reach
from mfsn.features.extraction.items import Item, items_of
from mfsn.manifest import SEGMENTS
from mfsn.segments.config import SegmentConfig
from mfsn.segments.waves import wave_spec
from mfsn.store.spec import ArraySpec, StoreSpec

SPEC = StoreSpec("mfcc", {}, (ArraySpec("mfcc", (1,), "float32", ("coefficient",)),))
CONFIGS: dict[Any, SegmentConfig] = {
    reading: SegmentConfig(duration_s=0.001, sample_rate_hz=8000, reading=reading)
    for reading in ("fixed", "as_published")
}
REACHES = [
    Reach("segment", "segment"), Reach("segment", "utterance"), Reach("utterance", "utterance"),
]  # fmt: skip
SEGMENTS_OF = {"c": 3, "a": 1, "b": 2, "d": 1}


def table_of(counts: dict[str, int], reading: str = "fixed") -> pd.DataFrame:
    """Segments of 8 samples; `d` has the audio of `a`."""
    rows, waves = [], wave_spec(CONFIGS[reading])
    for name, count in counts.items():
        sha = f"sha {name.replace('d', 'a')}"
        for index in range(count):
            place = (f"{name}#{index}", name, index, 8 * index, 8 - index, 0, sha)
            rows.append((*place, waves.row_key(sha, 8 * index)))
    return pd.DataFrame(rows, columns=SEGMENTS.names)


def expected(name: str, reach: Reach, reading: str) -> list[tuple[str, Item]]:
    """Id and row of everything that an utterance gives."""
    sha, count = f"sha {name.replace('d', 'a')}", SEGMENTS_OF[name]
    spec = wave_spec(CONFIGS[reading])
    waves = tuple(spec.row_key(sha, 8 * index) for index in range(count))
    valid = tuple(8 - index for index in range(count))
    if reach.scope == "utterance":
        return [(name, Item(SPEC.row_key(sha, 0), waves, valid))]
    keys = [SPEC.row_key(sha, 8 * index) for index in range(count)]
    if reach.context == "utterance":
        made = [Item(key, waves, valid, index=index) for index, key in enumerate(keys)]
    else:
        before = [None, *waves[:-1]] if reading == "as_published" else [None] * count
        made = [Item(keys[i], (waves[i],), (valid[i],), before[i]) for i in range(count)]
    return [(f"{name}#{index}", item) for index, item in enumerate(made)]


@pytest.mark.parametrize("reading", ["fixed", "as_published"])
@pytest.mark.parametrize("reach", REACHES)
def test_every_row_hears_what_it_is_made_of(reach: Reach, reading: str) -> None:
    ids, items = items_of(table_of(SEGMENTS_OF, reading), reach, CONFIGS[reading], SPEC)
    order = SEGMENTS_OF if reach.context == "segment" else sorted(SEGMENTS_OF)
    rows = [row for name in order for row in expected(name, reach, reading)]
    assert ids == [name for name, _ in rows]
    assert list(items) == items[:] == [item for _, item in rows]
    assert list(items.keys) == [item.key for item in items]


def test_each_key_is_given_once() -> None:
    _, items = items_of(table_of(SEGMENTS_OF), REACHES[0], CONFIGS["fixed"], SPEC)
    wanted = {SPEC.row_key("sha a", 0), SPEC.row_key("sha c", 16), "unknown"}
    chosen = items.only(wanted)
    assert [item.key for item in chosen] == [SPEC.row_key("sha c", 16), SPEC.row_key("sha a", 0)]
    assert chosen[-1] == chosen[1:][0] == items[3]
    assert len(items.only(())) == 0


@pytest.mark.parametrize("reach", [*REACHES, Reach("text", "text")])
def test_no_segments_are_no_rows(reach: Reach) -> None:
    empty = table_of({"a": 1})[:0].astype({"start_sample": np.int64})
    ids, items = items_of(empty, reach, CONFIGS["fixed"], SPEC)
    assert (ids, list(items)) == ([], [])
