"""Casts computed values to the storage dtype, and refuses what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from mfsn.errors import RangeError
from mfsn.features.device import to_host
from mfsn.store.spec import Dtype

TOLERANCE: Mapping[Dtype, float] = {"float16": 2e-3, "float32": 1e-4}
"""How far a row may differ between processors, relative to its largest magnitude, if it is computed
in float32: by the rounding of the dtype, and a bit more for another order of sums."""

_TORCH_DTYPES: Mapping[Dtype, torch.dtype] = {"float16": torch.float16, "float32": torch.float32}


def to_storage(values: Tensor, dtype: Dtype, what: str) -> npt.NDArray[Any]:
    """Cast computed values to the dtype in which they are stored.

    Args:
        values: any shape, any floating dtype, any device.
        dtype: the storage dtype.
        what: name of the array for the error, such as `sec high`.

    Raises:
        RangeError: if a value is not finite before or after the cast.
    """
    stored = values.detach().to(_TORCH_DTYPES[dtype])
    if not torch.isfinite(stored).all():
        raise RangeError(_explain(values.detach().float(), dtype, what))
    array: npt.NDArray[Any] = to_host(stored).numpy()
    return array


def _explain(computed: Tensor, dtype: Dtype, what: str) -> str:
    if not torch.isfinite(computed).all():
        return f"{what}: the computation gave NaN or infinity; set its precision to float32"
    largest, limit = float(computed.abs().max()), torch.finfo(_TORCH_DTYPES[dtype]).max
    return f"{what}: {largest:g} does not fit {dtype} (up to {limit:g}); set its dtype to float32"
