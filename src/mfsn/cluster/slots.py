"""How many workers a Ray cluster has room for, and what each of them reserves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mfsn import runtime
from mfsn.cluster.connection import import_ray
from mfsn.errors import ClusterError

_HANDED_ON = ("MFSN_", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "DVC_ROOT")
"""How the names of the variables begin that workers share with this process. No token is there."""


@dataclass(frozen=True)
class Slots:
    """How many workers a cluster has room for, and what each of them reserves."""

    count: int
    options: Mapping[str, Any]
    """The options with which Ray places a worker."""


def slots(threads: int, device: str | None = None, memory_bytes: int = 0) -> Slots:
    """One worker per GPU; without GPUs one worker for every `threads` processors of a node.

    Args:
        threads: the threads of one worker.
        device: `cpu` uses no GPU, `cuda` demands one, `auto` takes what there is; by default
            `$MFSN_DEVICE`.
        memory_bytes: the memory that one worker fills, if that is known.

    Raises:
        ClusterError: if no node has room for a worker.
    """
    nodes = [node["Resources"] for node in import_ray().nodes() if node["Alive"]]
    asked = (device or os.environ.get(runtime.DEVICE_VARIABLE, "auto")).partition(":")[0]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if gpus and asked != "cpu":
        return Slots(gpus, {"num_gpus": 1, "num_cpus": 1, **_environment("cuda", threads)})
    if asked == "cuda":
        raise ClusterError(
            f"the Ray cluster has no GPU, but {runtime.DEVICE_VARIABLE} asks for one; unset it, or "
            "say `ray start --num-gpus` on the nodes that have some"
        )
    by_cpu = [int(node.get("CPU", 0)) // threads for node in nodes]
    if not any(by_cpu):
        raise ClusterError(
            f"no node of the Ray cluster has the {threads} CPUs that one worker takes; set "
            f"{runtime.THREADS_VARIABLE} to fewer threads"
        )
    if not memory_bytes:
        return Slots(sum(by_cpu), {"num_cpus": threads, **_environment("cpu", threads)})
    by_memory = [int(node.get("memory", 0)) // memory_bytes for node in nodes]
    count = sum(map(min, by_cpu, by_memory))
    if not count:
        raise ClusterError(
            f"no node of the Ray cluster has the {memory_bytes / 1e9:.1f} GB of memory that the "
            f"features of one worker take; set {runtime.MEMORY_VARIABLE} to less, so that they are "
            "read from the store during training"
        )
    reserved = {"num_cpus": threads, "memory": memory_bytes}
    return Slots(count, {**reserved, **_environment("cpu", threads)})


def _environment(device: str, threads: int) -> dict[str, Any]:
    shared = {name: text for name, text in os.environ.items() if name.startswith(_HANDED_ON)}
    own = {
        runtime.DEVICE_VARIABLE: device,
        runtime.THREADS_VARIABLE: str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
    return {"runtime_env": {"env_vars": {**shared, **own}}}
