"""A store that the first release wrote opens with every later one, to the same values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zarr

from mfsn.errors import StoreVersionError
from mfsn.store.digest import Digest
from mfsn.store.reader import FeatureReader
from mfsn.store.store import Store
from mfsn.store.upkeep.listing import list_store
from mfsn.store.upkeep.verify import verify

WRITTEN = Path(__file__).with_name("store_schema_1.json")
"""Its files: JSON as it is, shards in hexadecimal."""
MFCC = (np.arange(18, dtype=np.float32).reshape(3, 2, 3) / 4 - 2).astype(np.float16)
PEAK = np.array([7, -8, 2**40])


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The store as version 0.1.0 wrote it: three rows, two a shard."""
    for name, content in json.loads(WRITTEN.read_text()).items():
        path = tmp_path / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json":
            path.write_text(json.dumps(content))
        else:
            path.write_bytes(bytes.fromhex(content))
    yield tmp_path / "store"
    shutil.rmtree(tmp_path / "store")


def test_its_rows_are_read(root: Path) -> None:
    reader = FeatureReader.open(root / "mfcc.digest.json", root)
    read = reader.read(["u2#0", "u0#0", "u1#0"])
    np.testing.assert_array_equal(read["mfcc"], MFCC[[2, 0, 1]])
    np.testing.assert_array_equal(read["peak"], PEAK[[2, 0, 1]])
    assert verify(root).is_sound


def test_it_is_listed(root: Path) -> None:
    (entry,) = list_store(root)
    assert (entry.rows, entry.about["weights"]) == (3, "none")


def test_rows_are_added(root: Path) -> None:
    spec = Digest.read(root / "mfcc.digest.json").spec
    key = spec.row_key("another recording", 0)
    with Store(root, spec).writer() as writer:
        writer.append([key], {"mfcc": MFCC[:1], "peak": PEAK[:1]})
    assert len(Store(root, spec).committed()) == 4
    assert verify(root).is_sound


def test_other_zarr_readers_see_it(root: Path) -> None:
    directory = Digest.read(root / "mfcc.digest.json").store
    group = zarr.open_group(root / directory, mode="r")
    np.testing.assert_array_equal(np.asarray(group["mfcc"])[:3], MFCC)


def test_a_store_of_a_newer_release_is_refused_and_left_alone(root: Path) -> None:
    digest = Digest.read(root / "mfcc.digest.json")
    described = root / digest.store / "zarr.json"
    newer = described.read_text().replace('"schema": 1', '"schema": 3')
    described.write_text(newer)
    for use in (list_store, lambda root: FeatureReader.open(root / "mfcc.digest.json", root)):
        with pytest.raises(StoreVersionError, match=r"a newer mfsn wrote .* upgrade mfsn"):
            use(root)
    (problem,) = verify(root, repair=True).problems
    assert "upgrade mfsn" in problem.sentence()
    assert described.read_text() == newer


@pytest.mark.parametrize("schema", [0, -1, None, "1"])
def test_a_schema_that_never_was_is_damage(root: Path, schema: object) -> None:
    digest = Digest.read(root / "mfcc.digest.json")
    described = root / digest.store / "zarr.json"
    content = json.loads(described.read_text())
    content["attributes"]["mfsn"]["schema"] = schema
    described.write_text(json.dumps(content))
    (problem,) = verify(root).problems
    assert "does not describe this directory" in problem.sentence()
