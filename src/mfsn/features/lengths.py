"""Rows of different lengths, such as one vector per token, as arrays of one shape.

The store holds rows of one shape. So a row of variable length has a stated maximum: it is filled up
with zeros, and an array beside it counts how many of its entries are valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mfsn.errors import RangeError
from mfsn.store.spec import ArraySpec

VALID = "_valid"
"""Ends the name of the array that counts the valid entries of another one."""


def counted_array(array: ArraySpec) -> tuple[ArraySpec, ArraySpec]:
    """The arrays that hold rows of different lengths.

    Args:
        array: the rows; the first entry of its shape is their stated maximum.

    Returns:
        The array itself, and `<name>_valid`: how many entries of each row are valid, int64.
    """
    return array, ArraySpec(f"{array.name}{VALID}", (), "int64", ())


def filled(
    rows: Sequence[npt.NDArray[Any]], array: ArraySpec, what: str
) -> dict[str, npt.NDArray[Any]]:
    """Rows of different lengths as the arrays that `counted_array` describes.

    Args:
        rows: each (its length, *the other axes of the array).
        array: the array of the rows.
        what: the extractor and the parameter that sets the maximum, such as `text.max_tokens`.

    Raises:
        RangeError: if a row is longer than the maximum.
    """
    most = array.shape[0]
    lengths = np.array([len(row) for row in rows], np.int64)
    if (lengths > most).any():
        raise RangeError(
            f"{what} is {most}, but a row has {lengths.max()} entries; raise it, or shorten what "
            "the row is made of"
        )
    values = np.zeros((len(rows), *array.shape), array.dtype)
    for filled_row, row in zip(values, rows, strict=True):
        filled_row[: len(row)] = row
    valid = counted_array(array)[1]
    return {array.name: values, valid.name: lengths}
