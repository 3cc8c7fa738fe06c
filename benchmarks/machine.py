"""What this machine can do at most, which figures are set against."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from mfsn import runtime


def matrix_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second of products of large matrices."""
    size = 8192 if runtime.device() != "cpu" else 2048
    one = torch.randn(size, size, device=runtime.device()).to(dtype)

    def multiply() -> None:
        product = one @ one.T  # as a linear layer multiplies
        product[0, 0].item()  # waits for a GPU

    return 2 * size**3 / best(multiply)


def best(work: Callable[[], object], times: int = 4) -> float:
    """Seconds of the fastest of some calls; the first one is not counted."""
    work()
    found = []
    for _ in range(times):
        since = time.perf_counter()
        work()
        found.append(time.perf_counter() - since)
    return min(found)
