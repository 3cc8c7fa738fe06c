"""What runs on the nodes of a Ray cluster: a worker that checks its node, then computes.

This module imports nothing but the standard library, so that a node that lacks a library can say
so in one sentence.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mfsn.base.environment import LIBRARIES, PACKAGE, code_sha256, library_versions
from mfsn.errors import ClusterError

Compute = Callable[[int, Any], Any]
"""Takes the number of an attempt, which no other attempt has, and a task; returns its result."""


class Job(Protocol):
    """What the workers of a cluster do; it is pickled and sent to them."""

    def open(self) -> Compute:
        """Read what all tasks need, once per worker."""


@dataclass(frozen=True)
class Premises:
    """What must hold on a node so that its results are those of the driver."""

    code: str
    versions: Mapping[str, str]
    visible: tuple[str, ...]
    """Files or folders that the driver has just made: a node that has an old copy lacks them."""
    working_folder: str
    """The driver's current folder, since paths in params.yaml may be relative to it."""


def premises(visible: Iterable[Path], libraries: Iterable[str] = LIBRARIES) -> Premises:
    """What holds on this machine.

    Args:
        visible: files or folders, just made, that every node must see.
        libraries: those whose versions decide the results.
    """
    paths = tuple(str(path.absolute()) for path in visible)
    return Premises(code_sha256(), library_versions(libraries), paths, str(Path.cwd()))


@contextlib.contextmanager
def marked(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """Put an empty file with a new name into each folder, for the time of the body."""
    name = f".seen-{uuid.uuid4().hex}"
    files = [folder / name for folder in folders]
    try:
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        yield files
    finally:
        for file in files:
            file.unlink(missing_ok=True)


class Worker:
    """A worker of the cluster (an actor, as Ray says)."""

    def open(self, premises: Premises, job: bytes) -> None:
        """Check the node, then open the job.

        Args:
            premises: what must hold here.
            job: a pickled `Job`; it can only be read where the premises hold.

        Raises:
            ClusterError: if the node does not see a folder, or has another mfsn or other libraries.
            MfsnError: as the job raises it.
        """
        check(premises)
        with contextlib.suppress(OSError):
            os.chdir(premises.working_folder)
        self._compute = _read(job).open()

    def compute(self, attempt: int, task: Any) -> Any:
        """Compute a task.

        Raises:
            MfsnError: as the job raises it.
        """
        return self._compute(attempt, task)


def _read(pickled: bytes) -> Job:
    try:
        job: Job = pickle.loads(pickled)  # noqa: S301 (the driver's own)
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"Ray node {socket.gethostname()} has no module {error.name}; install the plug-in or "
            "library that it belongs to in the environment in which `ray start` runs there"
        ) from error
    return job


def check(asked: Premises) -> None:
    """Compare this node with the driver.

    Raises:
        ClusterError: if the node does not see a folder, or has another mfsn or other libraries.
    """
    node = socket.gethostname()
    for path in map(Path, asked.visible):
        if not path.exists():
            raise ClusterError(
                f"Ray node {node} does not see {path.parent} of this machine; put the store "
                "(MFSN_STORE) and the checkout into folders that all nodes share under the same "
                "names"
            )
    if code_sha256() != asked.code:
        raise ClusterError(
            f"Ray node {node} runs another mfsn ({PACKAGE}); let MFSN_RAY connect to the cluster, "
            "which gives this mfsn to the nodes, or install the same one there"
        )
    for name, there in library_versions(asked.versions).items():
        if (here := asked.versions[name]) != there:
            raise ClusterError(
                f"Ray node {node} has {name} {there}, this machine {here}; install the same "
                "version in the environment in which `ray start` runs there"
            )
