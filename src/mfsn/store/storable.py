"""Checking that computed rows fit a store directory, and casting them to the stored dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.errors import CacheError, RangeError
from mfsn.store.layout import dtype_of
from mfsn.store.spec import ArraySpec, StoreSpec


def storable(
    spec: StoreSpec, keys: Sequence[str], arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Check rows of all arrays and cast floats to the stored dtype.

    Args:
        spec: what the directory holds.
        keys: one per row.
        arrays: array name to (rows, *shape of a row).

    Returns:
        All arrays of the directory; arrays that have the stored dtype are not copied.

    Raises:
        RangeError: if a value is not finite, or does not fit the stored dtype.
        CacheError: if an array is missing, or has another shape, dtype or number of rows.
    """
    return {
        array.name: _storable(spec, array, keys, arrays.get(array.name)) for array in spec.arrays
    }


def _storable(
    spec: StoreSpec, array: ArraySpec, keys: Sequence[str], rows: npt.NDArray[Any] | None
) -> npt.NDArray[Any]:
    where = f"{spec.extractor}: array {array.name}"
    if rows is None or rows.shape[1:] != array.shape or not _is_castable(rows, array):
        found = "nothing" if rows is None else f"{rows.dtype} rows of shape {rows.shape[1:]}"
        raise CacheError(
            f"{where} holds {array.dtype} rows of shape {array.shape}, but the extractor gave "
            f"{found}; correct its `arrays`"
        )
    if len(rows) != len(keys):
        raise CacheError(f"{where} has {len(rows)} rows for {len(keys)} keys; every key takes one")
    if not _fits(rows, array):
        raise RangeError(
            f"{where} has values that are not finite or beyond the "
            f"{float(np.finfo(array.dtype).max):g} that {array.dtype} can hold; look at the audio, "
            "or choose a wider dtype in params.yaml"
        )
    return rows.astype(dtype_of(array), copy=False)


def _is_castable(rows: npt.NDArray[Any], array: ArraySpec) -> bool:
    stored = np.dtype(array.dtype)
    return rows.dtype == stored or (rows.dtype.kind == "f" and stored.kind == "f")


def _fits(rows: npt.NDArray[Any], array: ArraySpec) -> bool:
    if rows.dtype == np.float16:
        # In half precision numpy computes slowly: look at the bits of the exponent instead.
        return bool(((rows.view(np.uint16) & 0x7C00) != 0x7C00).all())
    if rows.dtype.kind == "f":
        return bool((np.abs(rows) <= float(np.finfo(array.dtype).max)).all())
    return True
