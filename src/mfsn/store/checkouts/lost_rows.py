"""Rows that a workspace names and the store lacks: how `scan` has DVC compute them again.

DVC runs a stage when its dependencies change, and it does not look into the store. So where rows of
a digest are missing, stage `scan` adds a note to the file in data/code/ on which the stage that
makes them depends. Every note is different: the run-cache of DVC has no earlier result for it, and
DVC must run the stage. The stage computes the missing rows and writes the same digest, so that no
later stage runs. At the next scan the rows are there and there is no note. DVC then finds the
earlier result for the file without a note, or runs the stage, which has nothing to compute.

A store that never held rows of this checkout may be the wrong one, or may not be mounted. There
`scan` notes nothing before a reader has missed rows.

While digests and store stay as they were, nothing here reads a row key or imports numpy, since
`scan` runs in every `dvc repro`.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from mfsn.base import files
from mfsn.base.sealed import read_sealed_json, write_sealed_json
from mfsn.config import sha256_of
from mfsn.errors import CacheError, MfsnError
from mfsn.store.checkouts.dvc import (
    cache_folder,
    content,
    digests_of,
    extractor_named_by,
    md5_of,
    outputs_in,
)
from mfsn.store.checkouts.missed import missed
from mfsn.store.messages import WAVEFORM
from mfsn.workspace import Outputs, checkout_of, names_rows

Digests = Mapping[str, Sequence[Path]]
"""Path of a digest, relative to the workspace, to the files with its content: the one in the
workspace, and the one in DVC's cache that dvc.lock names, where it differs."""

log = logging.getLogger(__name__)


def lost_row_notes(
    outputs: Outputs, store_root: Path, extractors: Collection[str]
) -> dict[str, dict[str, str]]:
    """What to add to files in data/code/ so that DVC runs the stages whose rows are missing.

    Args:
        outputs: of the corpus that params.yaml names.
        store_root: root of the feature cache.
        extractors: those that have a stage; DVC cannot compute rows of others.

    Returns:
        Name of the file (`segment`, `extract-NAME`) to a note; each call gives other notes.
    """
    present, made = _digests(outputs), {WAVEFORM, *extractors}
    found = {name: present[name] for name in present if extractor_named_by(name) in made}
    lost = _lost(found, store_root, store_root / "scan" / "rows" / f"{outputs.corpus}.json")
    asked = missed(store_root) & {extractor_named_by(name) for name in found}
    noted = lost if asked or not lost else lost & registered(outputs.workspace, store_root)
    again = {extractor_named_by(name) for name in noted} | asked
    if again:  # they are computed from waves
        again |= {WAVEFORM} & {extractor_named_by(name) for name in lost}
    for name in sorted(again):
        log.info("scan: the store lacks rows of %s; they are computed again", name)
    return {_stage(name): {"rows lost": os.urandom(8).hex()} for name in again}


def _stage(extractor: str) -> str:
    return "segment" if extractor == WAVEFORM else f"extract-{extractor}"


def _digests(outputs: Outputs) -> Digests:
    workspace, own = outputs.workspace, outputs.prepared.relative_to(outputs.workspace).as_posix()
    found: dict[str, list[Path]] = defaultdict(list)
    for path in digests_of(workspace):
        found[path.relative_to(workspace).as_posix()].append(path)
    with contextlib.suppress(CacheError, OSError):
        for output in outputs_in((workspace / "dvc.lock").read_bytes()):
            present = found.get(output.path)
            if not present or md5_of(present[0]) != output.md5:
                cached = content(cache_folder(checkout_of(workspace)), output.md5)
                found[output.path] += [cached] if names_rows(cached) else []
    return {name: found[name] for name in found if found[name] and name.startswith(f"{own}/")}


def _lost(digests: Digests, store_root: Path, memory: Path) -> set[str]:
    """The digests that name rows which are not in the store.

    Args:
        digests: where to look.
        store_root: root of the feature cache.
        memory: a file that remembers of which digests all rows were there, under which
            circumstances; only others are read.
    """
    known, whole, lost = _remembered(memory), {}, set()
    for name, paths in digests.items():
        state = _state(name, paths, store_root)
        with contextlib.suppress(MfsnError, OSError):  # the stage that reads it says so
            if known.get(name) == state or not _lacks(name, paths, store_root):
                whole[name] = state
            else:
                lost.add(name)
    if whole != known:
        with contextlib.suppress(MfsnError, OSError):
            write_sealed_json(memory, whole)
    return lost


def _remembered(memory: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        known = read_sealed_json(memory)
        return known if isinstance(known, dict) else {}
    return {}


def _state(name: str, paths: Sequence[Path], store_root: Path) -> str:
    """A hash of the digest's content, and of names, sizes and times of what its rows lie in."""
    there = (store_root / extractor_named_by(name)).glob("*/[!.]*/*")
    stored = [
        [str(path.relative_to(store_root)), status.st_size, status.st_mtime_ns]
        for path, status in files.stats(sorted(there))
    ]
    return sha256_of([[md5_of(path) for path in paths], stored])


def _lacks(name: str, paths: Sequence[Path], store_root: Path) -> bool:
    from mfsn.store.marker import committed_keys
    from mfsn.store.owners import rows_named

    for path in paths:
        store, keys = rows_named(path, extractor_named_by(name), store_root)
        if keys - committed_keys(store_root / store):
            return True
    return False


def registered(workspace: Path, store_root: Path) -> set[str]:
    """The digests of a workspace whose rows a store has held, relative to the workspace."""
    from mfsn.store.owners import owners

    checkout = str(checkout_of(workspace))
    return {owner.digest for owner in owners(store_root) if owner.checkout == checkout}
