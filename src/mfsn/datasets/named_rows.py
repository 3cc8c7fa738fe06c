"""Arrays with named dimensions: xarray's where it is installed, else a small stand-in."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class NamedArray:
    """Values with a name for each dimension, under the names that `xarray.DataArray` has."""

    values: npt.NDArray[Any]
    dims: tuple[str, ...]


@dataclass(frozen=True)
class NamedRows(Mapping[str, NamedArray]):
    """Stands in for `xarray.Dataset` where xarray is missing: `rows["high"].values`, `.coords`."""

    arrays: Mapping[str, NamedArray]
    coords: Mapping[str, NamedArray]
    """What is known of each row, along the first dimension; under its name, the ids."""
    attrs: Mapping[str, Any]

    def __getitem__(self, name: str) -> NamedArray:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def with_xarray(rows: NamedRows) -> xarray.Dataset | NamedRows:
    """The same as an `xarray.Dataset`; unchanged where xarray is not installed."""
    if importlib.util.find_spec("xarray") is None:
        return rows
    import xarray

    return xarray.Dataset(
        {name: (array.dims, array.values) for name, array in rows.arrays.items()},
        {name: (array.dims, array.values) for name, array in rows.coords.items()},
        rows.attrs,
    )
