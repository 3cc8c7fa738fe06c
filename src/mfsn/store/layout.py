"""How a store directory lies on disk: a plain Zarr v3 group that any Zarr reader opens.

    <root>/<extractor>/<12 digits of the identity>/
        zarr.json                 group; attributes: schema, identity, rows per shard
        <array>/zarr.json         array (rows, *shape of one row), one inner chunk per row
        <array>/c.<shard>.0.0     shards, each written once and whole
        commits/<shard>.json      commit markers: a row without one is not there

Row r of every array is row `r % rows_per_shard` of shard `r // rows_per_shard`; its key stands in
the marker of that shard. A plain Zarr reader sees fill values where a shard is short, and where a
row has no marker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, get_args

import numpy as np

from mfsn.base import files
from mfsn.errors import CacheError, StoreVersionError
from mfsn.store.messages import explaining
from mfsn.store.spec import ArraySpec, Dtype, StoreSpec

SCHEMA = 2
"""Of the descriptions that are written. Schema 2 has codes in recipes where schema 1 has sentences
(see `mfsn.store.recipe_codes`); a directory keeps the schema with which it was created."""
_OLDEST_SCHEMA = 1
LARGEST_SHARD_BYTES = 128 * 2**20
MOST_ROWS_PER_SHARD = 512


@dataclass(frozen=True)
class Layout:
    """The paths of one store directory."""

    path: Path
    spec: StoreSpec
    rows_per_shard: int

    @property
    def commits(self) -> Path:
        """Folder of the commit markers."""
        return self.path / "commits"

    def marker(self, shard: int) -> Path:
        """The commit marker of a shard (the same one for all arrays)."""
        return self.commits / f"{shard:06d}.json"

    def shard(self, array: ArraySpec, shard: int) -> Path:
        """The file of an array's shard."""
        position = [str(shard), *("0" for _ in array.shape)]
        return self.path / array.name / ".".join(["c", *position])

    def shards(self, shard: int) -> list[Path]:
        """The files of a shard, one per array."""
        return [self.shard(array, shard) for array in self.spec.arrays]

    @property
    def staging(self) -> Path:
        """Folder for shards that other processes have written, until they are moved in."""
        return self.path / ".staging"

    def used(self, shard: int) -> Path:
        """An empty file; its time says when rows of the shard were last read (see `note_use`)."""
        return self.path / ".used" / f"{shard:06d}"

    def partials(self) -> list[Path]:
        """Half-written files of writers at work or killed; they may vanish at any moment."""
        return sorted(path for path in files.below(self.path) if path.suffix == ".partial")

    def shard_numbers(self) -> set[int]:
        """Numbers of all shards that have a file of any array, committed or not."""
        found = (path for a in self.spec.arrays for path in (self.path / a.name).glob("c.*"))
        numbers = (path.name.split(".")[1] for path in found)
        return {int(number) for number in numbers if number.isdecimal()}


def next_shard(layout: Layout) -> int:
    """The first number after those of all shards that have a file."""
    return max(layout.shard_numbers(), default=-1) + 1


def dtype_of(array: ArraySpec) -> np.dtype[Any]:
    """The dtype of an array as it is stored: little-endian."""
    return np.dtype(array.dtype).newbyteorder("<")


def row_bytes(array: ArraySpec) -> int:
    """Bytes of one row."""
    return dtype_of(array).itemsize * prod(array.shape)


def plan(root: Path, spec: StoreSpec) -> Layout:
    """The layout of a new directory: as many rows per shard as the largest array allows.

    The number is a power of two, so that it depends little on the size of a row.
    """
    fitting = LARGEST_SHARD_BYTES // max(row_bytes(array) for array in spec.arrays)
    rows = 1 << (max(fitting, 1).bit_length() - 1)
    return Layout(root / spec.directory, spec, min(rows, MOST_ROWS_PER_SHARD))


def load(path: Path) -> Layout | None:
    """The layout of an existing directory; None where there is none yet.

    Raises:
        StoreVersionError: if another version of mfsn wrote it.
        CacheError: if its description cannot be read or does not fit its place.
    """
    with explaining(path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return _load(path)
    return None


def _load(path: Path) -> Layout:
    try:
        attributes = files.read_json(path / "zarr.json")["attributes"]["mfsn"]
        _refuse_other_schema(path, attributes["schema"])
        arrays = tuple(parse_array(array) for array in attributes["arrays"])
        spec = StoreSpec(attributes["extractor"], attributes["recipe"], arrays)
        layout = Layout(path, spec, int(attributes["rows_per_shard"]))
        is_whole = isinstance(attributes["about"], dict) and layout.rows_per_shard > 0
        is_there = path.parts[-2:] == tuple(spec.directory.split("/"))
    except StoreVersionError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(path) from error
    if not (is_whole and is_there):
        raise unreadable(path)
    return layout


def create(layout: Layout, about: Mapping[str, Any]) -> None:
    """Describe a new, empty store directory; it exists once the group is written, which is last.

    Args:
        layout: what to create.
        about: plain values for people (the name of the encoder); the identity ignores them.
    """
    spec = layout.spec
    for array in spec.arrays:
        files.write_json(layout.path / array.name / "zarr.json", _array_metadata(layout, array, 0))
    layout.commits.mkdir(exist_ok=True)
    described = {
        "schema": SCHEMA,
        "extractor": spec.extractor,
        "recipe": dict(spec.recipe),
        "arrays": [described_array(array) for array in spec.arrays],
        "rows_per_shard": layout.rows_per_shard,
        "about": dict(about),
    }
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"mfsn": described}}
    files.write_json(layout.path / "zarr.json", group)


def about(layout: Layout) -> dict[str, Any]:
    """What the directory says about itself to people, as it was given to `create`."""
    return dict(files.read_json(layout.path / "zarr.json")["attributes"]["mfsn"]["about"])


def described_array(array: ArraySpec) -> dict[str, Any]:
    """An array's specification as plain values."""
    return {
        "name": array.name,
        "shape": list(array.shape),
        "dtype": array.dtype,
        "dims": list(array.dims),
    }


def parse_array(described: Mapping[str, Any]) -> ArraySpec:
    """The specification that `described_array` described.

    Raises:
        KeyError, TypeError, ValueError: if it does not describe an array.
    """
    name, dtype = described["name"], described["dtype"]
    if dtype not in get_args(Dtype):
        raise ValueError(f"{dtype} is not a dtype of the store")
    return ArraySpec(name, tuple(described["shape"]), dtype, tuple(described["dims"]))


def make_room(layout: Layout, rows: int) -> None:
    """Make the declared length of every array at least `rows`.

    It runs before the commit. To a plain Zarr reader, an array that is declared too long ends in
    fill values; one that is declared too short hides rows. A damaged description is written again.
    """
    for array in misdescribed(layout, rows):
        path = layout.path / array.name / "zarr.json"
        files.write_json(path, _array_metadata(layout, array, rows))


def misdescribed(layout: Layout, rows: int) -> list[ArraySpec]:
    """The arrays whose zarr.json is damaged, missing, or declares fewer than `rows` rows."""
    return [array for array in layout.spec.arrays if _declared_rows(layout, array) < rows]


def directories(root: Path, extractor: str | None = None) -> Iterator[Path]:
    """All store directories below a root, or those of one extractor, sorted."""
    for described in sorted(root.glob(f"{extractor or '*'}/*/zarr.json")):
        yield described.parent


def _declared_rows(layout: Layout, array: ArraySpec) -> int:
    """The length of an array for a plain Zarr reader; -1 if its description is not right."""
    try:
        described = files.read_json(layout.path / array.name / "zarr.json")
        rows = int(described["shape"][0])
    except (FileNotFoundError, ValueError, KeyError, TypeError, IndexError):
        return -1
    return rows if described == _array_metadata(layout, array, rows) else -1


def _array_metadata(layout: Layout, array: ArraySpec, rows: int) -> dict[str, Any]:
    little_endian = {"name": "bytes", "configuration": {"endian": "little"}}
    sharding = {
        "chunk_shape": [1, *array.shape],
        "codecs": [little_endian, {"name": "crc32c"}],
        "index_codecs": [little_endian, {"name": "crc32c"}],
        "index_location": "end",
    }
    shard_shape = [layout.rows_per_shard, *array.shape]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [rows, *array.shape],
        "data_type": array.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard_shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": "NaN" if array.dtype.startswith("float") else 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": ["row", *array.dims],
        "attributes": {},
    }


def unreadable(path: Path) -> CacheError:
    """What to say of a directory whose description is damaged."""
    return CacheError(
        f"{path}: its zarr.json does not describe this directory; `mfsn cache verify --repair` in "
        "the checkout that uses it writes it anew, its rows are kept"
    )


def _refuse_other_schema(path: Path, schema: Any) -> None:
    if not isinstance(schema, int) or schema < _OLDEST_SCHEMA:
        raise ValueError("no schema that ever was")
    if schema > SCHEMA:
        raise StoreVersionError(
            f"{path}: a newer mfsn wrote this store (schema {schema}, this one knows {SCHEMA}); "
            "upgrade mfsn, or name another store with MFSN_STORE"
        )
