"""From computed values to the storage dtype, refusing what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mfsn.cache.spec import Dtype
from mfsn.errors import RangeError

TOLERANCE: Mapping[Dtype, float] = {"float16": 2e-3, "float32": 1e-4}
"""Largest difference between processors in a row, relative to its largest magnitude, where the
computation itself is in float32: the rounding of the dtype, with room for the order of sums."""


def to_storage(values: Tensor, dtype: Dtype, what: str) -> npt.NDArray[Any]:
    """Cast computed values to the dtype in which they are stored.

    Args:
        values: any shape, any floating dtype, any device.
        dtype: the storage dtype.
        what: the array named in the error, such as `sec high`.

    Raises:
        RangeError: if a value is not finite, or is not after the cast.
    """
    computed = values.detach().float().cpu().numpy()
    with np.errstate(over="ignore"):
        stored: npt.NDArray[Any] = computed.astype(dtype)
    if not np.isfinite(stored).all():
        raise RangeError(_explain(computed, dtype, what))
    return stored


def _explain(computed: npt.NDArray[Any], dtype: Dtype, what: str) -> str:
    if not np.isfinite(computed).all():
        return f"{what}: the computation gave NaN or infinity; set its precision to float32"
    largest = float(np.abs(computed).max())
    limit = float(np.finfo(dtype).max)
    return f"{what}: {largest:g} does not fit {dtype} (up to {limit:g}); set its dtype to float32"
