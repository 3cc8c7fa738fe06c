"""Values in the storage dtype, or an error that says why not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfsn.errors import RangeError
from mfsn.features.casting import to_storage


def test_values_are_rounded_to_the_storage_dtype() -> None:
    stored = to_storage(torch.tensor([[1.0, 1 / 3]], dtype=torch.bfloat16), "float16", "x")
    assert stored.dtype == np.float16
    assert stored.tolist() == [[1.0, np.float16(torch.tensor(1 / 3).bfloat16().item())]]


def test_the_largest_float16_is_kept() -> None:
    assert to_storage(torch.tensor([65504.0]), "float16", "x").tolist() == [65504.0]


def test_a_value_beyond_float16_names_array_value_and_way_out() -> None:
    with pytest.raises(RangeError, match=r"sec high: 70000 does not fit float16 .* float32"):
        to_storage(torch.tensor([0.0, -70000.0]), "float16", "sec high")


def test_a_value_beyond_float16_fits_float32() -> None:
    assert to_storage(torch.tensor([70000.0]), "float32", "x").tolist() == [70000.0]


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(broken: float) -> None:
    with pytest.raises(RangeError, match="tec last: the computation gave NaN or infinity"):
        to_storage(torch.tensor([1.0, broken]), "float32", "tec last")
