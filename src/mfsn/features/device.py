"""What keeps a GPU busy: captured passes, pinned memory, and waves that are normalised on it.

Shapes: B batch, N samples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mfsn.base.arrays import Float32

Forward = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
"""A function from tensors by name to tensors by name."""

BATCH_ROWS = 64
"""Rows per call on a GPU; with fewer it would be idle in between."""

_WARM_UP_CALLS = 3

log = logging.getLogger(__name__)


def is_gpu(device: str) -> bool:
    """Whether `mfsn.runtime.device` names a GPU."""
    return device.startswith("cuda")


def to_device(waves_BN: Float32, device: str) -> Tensor:
    """Bring a batch of waves to a device; to a GPU through pinned memory and without waiting."""
    waves = torch.from_numpy(waves_BN)
    return waves.pin_memory().to(device, non_blocking=True) if is_gpu(device) else waves


def to_host(values: Tensor) -> Tensor:
    """Bring computed values to the memory of the CPU; from a GPU through pinned memory."""
    if not values.is_cuda:
        return values
    pinned = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    pinned.copy_(values, non_blocking=True)
    torch.cuda.current_stream(values.device).synchronize()
    return pinned


def normalised(waves_BN: Tensor, heard_B: Tensor, padding: float) -> Tensor:
    """Scale each wave to mean 0 and variance 1 over its valid samples, with padding after them.

    Up to rounding, that is what Wav2Vec2FeatureExtractor of transformers does for one clip.

    Args:
        waves_BN: waves.
        heard_B: how many samples of each are valid, from 1.
        padding: value of the other samples.
    """
    counts_BN = torch.arange(waves_BN.shape[1], device=waves_BN.device) < heard_B[:, None]
    wide_BN = waves_BN.double()
    mean_B = (wide_BN * counts_BN).sum(1, keepdim=True) / heard_B[:, None]
    centred_BN = (wide_BN - mean_B) * counts_BN
    variance_B = centred_BN.square().sum(1, keepdim=True) / heard_B[:, None]
    scaled_BN = (centred_BN / (variance_B + 1e-7).sqrt()).to(waves_BN.dtype)
    return scaled_BN.masked_fill(~counts_BN, padding)


class Captured:
    """A function that is launched as one CUDA graph; its tensors always have the same shapes.

    The graph is captured in the first call. If that fails, the function is called as it is.

    Args:
        function: computes tensors on a GPU from tensors there, without looking at their values.
    """

    def __init__(self, function: Forward) -> None:
        self._function = function
        self._inputs: dict[str, Tensor] = {}
        self._outputs: dict[str, Tensor] = {}
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_tried = False

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the function gives; the next call overwrites it."""
        if not self._is_tried:
            self._is_tried = True
            self._try_to_capture(inputs)
        if self._graph is None:
            return self._function(inputs)
        for name, values in inputs.items():
            self._inputs[name].copy_(values, non_blocking=True)
        self._graph.replay()
        return self._outputs

    def _try_to_capture(self, inputs: Mapping[str, Tensor]) -> None:
        self._inputs = {name: values.clone() for name, values in inputs.items()}
        try:
            self._warm_up()
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._outputs = self._function(self._inputs)
            self._graph = graph
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            log.info("the encoder is launched kernel by kernel, because CUDA says: %s", reason)

    def _warm_up(self) -> None:
        """Let libraries choose kernels and take memory, which is not possible while capturing."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_CALLS):
                self._function(self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
