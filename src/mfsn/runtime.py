"""How work runs on this machine: device, threads, jobs, memory. Results do not depend on it.

These settings come from the environment and never from params.yaml, so that nothing runs again on
another machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mfsn.errors import ConfigError

DEVICE_VARIABLE = "MFSN_DEVICE"
THREADS_VARIABLE = "MFSN_THREADS"
JOBS_VARIABLE = "MFSN_JOBS"
MEMORY_VARIABLE = "MFSN_MEMORY"

MOST = 1024
"""The most threads or jobs: far more only make the system refuse further threads."""

_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_GROUP_FILES = {
    "": ("", "memory.max", "anon"),
    "memory": ("memory", "memory.limit_in_bytes", "total_rss"),
}
"""For each controller (version 2 has none): its folder, the file with its limit, and the entry of
memory.stat that counts. The page cache does not count, since the system can drop it."""


def device() -> str:
    """The device: `$MFSN_DEVICE` (`cpu`, `cuda`, `cuda:1`), else cuda if available, else cpu.

    Raises:
        ConfigError: if the variable names a GPU that does not exist.
    """
    import torch

    asked = os.environ.get(DEVICE_VARIABLE, "auto")
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    there += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if asked not in there:
        raise ConfigError(
            f"{DEVICE_VARIABLE}={asked}: torch sees {', '.join(there)}; set it to one of them, or "
            "unset the variable"
        )
    return asked


def threads() -> int:
    """The threads of extraction: `$MFSN_THREADS`, else the processors that this process may use.

    It is fixed per machine, since another number of threads rounds differently.

    Raises:
        ConfigError: if the variable is not a whole number from 1 to `MOST`.
    """
    return _positive(THREADS_VARIABLE) or processors()


def jobs() -> int:
    """How many fits run at once: `$MFSN_JOBS`, else the processors that this process may use.

    Raises:
        ConfigError: if the variable is not a whole number from 1 to `MOST`.
    """
    return _positive(JOBS_VARIABLE) or processors()


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def feature_memory_bytes(device: str) -> int:
    """The bytes that training may use for features: `$MFSN_MEMORY` (GB), else half of free memory.

    Args:
        device: `cpu` for the memory of this machine within the limits of the control groups of this
            process, or a GPU for its own memory.

    Raises:
        ConfigError: if the variable is not a number of GB above 0.
    """
    text = os.environ.get(MEMORY_VARIABLE)
    if text is None:
        return free_memory_bytes(device) // 2
    if not text.replace(".", "", 1).isdecimal() or float(text) <= 0:
        raise ConfigError(f"{MEMORY_VARIABLE}={text}: it takes a number of GB above 0, such as 8")
    return int(float(text) * 1e9)


def free_memory_bytes(device: str) -> int:
    """The free memory in bytes: on the CPU what can be used without swapping, else on the GPU."""
    if device != "cpu":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return min([_available_bytes(), *_left_in_control_groups()])


def _available_bytes() -> int:
    facts = dict(
        line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    )
    return int(facts["MemAvailable"].split()[0]) * 1024


def _left_in_control_groups() -> Iterator[int]:
    """The bytes that are left within the limit of each control group of this process."""
    for line in _OWN_GROUPS.read_text(encoding="utf-8").splitlines():
        _, controller, own = line.split(":", 2)
        if controller in _GROUP_FILES:
            root, limit, used = _GROUP_FILES[controller]
            group = _GROUPS / root / own.lstrip("/")
            for folder in (group, *group.parents):
                yield from _left_in(folder / limit, folder / "memory.stat", used)


def _left_in(limit: Path, statistics: Path, used: str) -> Iterator[int]:
    if limit.is_file() and (most := limit.read_text(encoding="ascii").strip()) != "max":
        words = statistics.read_text(encoding="ascii").split()
        taken = dict(zip(words[::2], words[1::2], strict=True))[used]
        yield max(0, int(most) - int(taken))


def _positive(variable: str) -> int | None:
    text = os.environ.get(variable)
    if text is None:
        return None
    # Looks at the length first, because Python refuses to read a number of thousands of digits.
    if not text.isdecimal() or len(text) > len(str(MOST)) or not 1 <= int(text) <= MOST:
        raise ConfigError(
            f"{variable}={text[:40]}: it takes a whole number from 1 to {MOST}; set it to one, or "
            "unset it to use all processors"
        )
    return int(text)
