"""Whatever happens to the bytes of a store: a reader gives the right values or raises."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.errors import MfsnError
from mfsn.store import layout
from mfsn.store.digest import Digest
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec, StoreSpec
from mfsn.store.store import Store
from mfsn.store.upkeep.listing import list_store
from mfsn.store.upkeep.repair import describe_again
from mfsn.store.upkeep.verify import verify

ARRAYS = (
    ArraySpec("low", (3, 2), "float16", ("frame", "feature")),
    ArraySpec("count", (), "int64", ()),
)
SPEC = StoreSpec("sec", {"extractor": "sec", "version": 1}, ARRAYS)
KEYS = [SPEC.row_key(str(row), 0) for row in range(9)]
VALUES: dict[str, npt.NDArray[Any]] = {
    "low": np.arange(54, dtype=np.float16).reshape(9, 3, 2),
    "count": np.arange(9, dtype=np.int64) - 4,
}
FILES = sorted(
    [f"low/c.{shard}.0.0" for shard in range(3)]
    + [f"count/c.{shard}" for shard in range(3)]
    + [f"commits/{shard:06d}.json" for shard in range(3)]
    + ["zarr.json", "low/zarr.json", "count/zarr.json"]
)

Fault = Callable[[Path], None]


def flip(place: int, bit: int) -> Fault:
    def spoil(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= 1 << bit
        path.write_bytes(content)

    return spoil


def cut(place: int) -> Fault:
    return lambda path: os.truncate(path, place % path.stat().st_size)


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def swap(path: Path) -> None:
    """Take the place of another file of the folder, and it of this."""
    other = sorted(path.parent.iterdir())[0]
    mine, others = path.read_bytes(), other.read_bytes()
    path.write_bytes(others)
    other.write_bytes(mine)


places = st.integers(0, 2000)
faults = st.one_of(
    st.builds(flip, places, st.integers(0, 7)),
    st.builds(cut, places),
    st.sampled_from([zero, lengthen, swap, Path.unlink]),
)
damages = st.lists(st.tuples(st.sampled_from(FILES), faults), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store of nine rows in three shards, and a digest that names them."""
    root = tmp_path_factory.mktemp("sound")
    with mock.patch.object(layout, "MOST_ROWS_PER_SHARD", 4), mock.patch.object(os, "fsync"):
        with Store(root, SPEC).writer() as writer:
            writer.append(KEYS, VALUES)
        digest = Digest.of(SPEC, {}, {f"u{row}#0": key for row, key in enumerate(KEYS)})
        digest.write(root / "sec.digest.json")
        assert verify(root).is_sound
        yield root


def damaged(sound: Path, damage: list[tuple[str, Fault]]) -> Path:
    """A copy in which files have suffered, one after the other."""
    root = sound.with_name("damaged")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(sound, root)
    for name, fault in damage:
        path = root / SPEC.directory / name
        if path.is_file() and path.stat().st_size:
            fault(path)
    return root


def shards(root: Path) -> dict[str, bytes]:
    """The bytes of every shard."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("c.*")}


@settings(deadline=None, max_examples=30)
@given(damage=damages)
def test_a_reader_gives_the_right_values_or_raises(
    sound: Path, damage: list[tuple[str, Fault]]
) -> None:
    root = damaged(sound, damage)
    ids = [f"u{row}#0" for row in range(len(KEYS))]
    with contextlib.suppress(MfsnError):
        reader = FeatureReader.open(root / "sec.digest.json", root)
        for name, values in reader.read(ids).items():
            np.testing.assert_array_equal(values, VALUES[name])
    for row, key in enumerate(KEYS):
        with contextlib.suppress(MfsnError):
            for name, values in Store(root, SPEC).read([key]).items():
                np.testing.assert_array_equal(values[0], VALUES[name][row])


@settings(deadline=None, max_examples=30)
@given(damage=damages)
def test_damage_is_found_and_mended(sound: Path, damage: list[tuple[str, Fault]]) -> None:
    root = damaged(sound, damage)
    found = verify(root)
    if found.is_sound and found.rows:  # no rows: the directory's description is gone
        assert shards(root) == shards(sound)
    describe_again(root, Digest.read(root / "sec.digest.json"))
    verify(root, repair=True)
    with Store(root, SPEC).writer() as writer:
        writer.append(KEYS, VALUES)
    assert verify(root).is_sound
    assert [entry.rows for entry in list_store(root)] == [len(KEYS)]
    for name, values in Store(root, SPEC).read(KEYS).items():
        np.testing.assert_array_equal(values, VALUES[name])
