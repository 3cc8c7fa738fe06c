"""How things run on this machine: device, threads, jobs. None of it changes what is computed.

These come from the environment, never from params.yaml, so that another machine reruns nothing.
"""

from __future__ import annotations

import os

from mfsn.errors import ConfigError

DEVICE_VARIABLE = "MFSN_DEVICE"
THREADS_VARIABLE = "MFSN_THREADS"
JOBS_VARIABLE = "MFSN_JOBS"


def device() -> str:
    """`$MFSN_DEVICE` (`cpu`, `cuda`, `cuda:1`), else cuda where there is one, else cpu.

    Raises:
        ConfigError: if the variable asks for a GPU that is not there.
    """
    import torch

    asked = os.environ.get(DEVICE_VARIABLE, "auto")
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    there += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if asked not in there:
        raise ConfigError(
            f"{DEVICE_VARIABLE}={asked}: torch sees {', '.join(there)}; name one of them, or unset "
            "the variable"
        )
    return asked


def threads() -> int:
    """`$MFSN_THREADS`, else the processors this process may use: the threads of extraction.

    Fixed for a machine, since another number of threads rounds differently.
    """
    return _positive(THREADS_VARIABLE) or processors()


def jobs() -> int:
    """`$MFSN_JOBS`, else the processors this process may use: fits that run at once."""
    return _positive(JOBS_VARIABLE) or processors()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _positive(variable: str) -> int | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{variable}={text}: it takes a whole number from 1")
    return int(text)
