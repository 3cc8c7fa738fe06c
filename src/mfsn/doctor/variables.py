"""Check the MFSN_* environment variables that no other check covers."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mfsn import runtime, workspace
from mfsn.base.quantities import parse_bytes
from mfsn.cluster.connection import RAY_VARIABLE, check_address
from mfsn.doctor.checks import Finding
from mfsn.errors import MfsnError
from mfsn.store.lock import WAIT_VARIABLE, wait_s


def _budget() -> None:
    if text := os.environ.get(workspace.BUDGET_VARIABLE):
        parse_bytes(text, workspace.BUDGET_VARIABLE)


_CHECKS: Mapping[str, Callable[[], Any]] = {
    WAIT_VARIABLE: wait_s,
    RAY_VARIABLE: check_address,
    workspace.BUDGET_VARIABLE: _budget,
}
_KNOWN = (
    *_CHECKS,
    workspace.STORE_VARIABLE,
    workspace.CORPORA_VARIABLE,
    workspace.REMOTE_VARIABLE,
    runtime.DEVICE_VARIABLE,
    runtime.THREADS_VARIABLE,
    runtime.JOBS_VARIABLE,
    runtime.MEMORY_VARIABLE,
)
_OF_A_CORPUS = workspace.corpus_variable("")


def check_variables() -> Iterator[Finding]:
    """Check the environment; a name that nothing reads is reported, but does not stop a run."""
    for name in sorted(os.environ):
        if name in _CHECKS:
            yield _checked(name)
        elif name in (workspace.STORE_VARIABLE, workspace.CORPORA_VARIABLE):
            yield from _folder(name)
        elif name.startswith("MFSN_") and not name.startswith(_OF_A_CORPUS):
            yield from _unknown(name)


def _checked(name: str) -> Finding:
    # Only `mfsn cache gc` reads the budget, so a wrong one is reported, but does not stop a run.
    try:
        _CHECKS[name]()
    except MfsnError as error:
        return Finding(name, str(error), name == workspace.BUDGET_VARIABLE, is_odd=True)
    return Finding(name, os.environ[name] or "empty")


def _folder(name: str) -> Iterator[Finding]:
    place = os.environ[name]
    if place and workspace.in_checkout(place).is_file():
        yield Finding(name, f"{place} is a file; set it to a folder, or unset it", is_good=False)


def _unknown(name: str) -> Iterator[Finding]:
    if name not in _KNOWN:
        close = difflib.get_close_matches(name, _KNOWN, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield Finding(name, f"mfsn does not read this variable{hint}", is_odd=True)
