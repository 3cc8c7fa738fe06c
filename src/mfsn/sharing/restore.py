"""`mfsn cache import`: copy rows of an exported file to the store, its outputs to the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import h5py
from tqdm import tqdm

from mfsn.base.files import write_bytes
from mfsn.errors import ExportError
from mfsn.sharing.corpus import CODE, register
from mfsn.sharing.exported import ExportedCorpus
from mfsn.sharing.hdf5 import H5Source
from mfsn.store.digest import Digest
from mfsn.store.messages import WAVEFORM
from mfsn.store.store import Store
from mfsn.workspace import Outputs, names_rows


@dataclass(frozen=True)
class Imported:
    """The result of an import."""

    corpus: str
    licences: str
    rows: dict[str, tuple[int, int]]
    """For each extractor, the number of different rows, and how many were new to the store."""
    outputs: tuple[str, ...]
    """The stage outputs that were written, relative to the workspace."""


def import_corpus(source: Path, store_root: Path, workspace: Path | None) -> Imported:
    """Check the whole exported file, then copy its rows into the store.

    Args:
        source: the file that `export_corpus` wrote.
        store_root: root of the feature cache.
        workspace: the target of its stage outputs (manifest, segment table, digests), with which
            search and training run without the recordings; None imports only the rows.

    Raises:
        ExportError: if the file is missing, damaged or not an export, or if existing stage outputs
            differ from those in the file. Then nothing is written.
        StoreBusyError: if another process is writing to the same rows.
        CacheError: if the store cannot be written.
    """
    with _opened(source) as file:
        exported = ExportedCorpus(H5Source(file))
        if workspace:
            _refuse_other_outputs(exported, workspace, source)
        for digest in exported.digests:
            _check(exported, digest)
        rows = {
            digest.extractor: _store(exported, digest, store_root) for digest in exported.digests
        }
    written = _write_outputs(exported, workspace, store_root) if workspace else []
    return Imported(exported.name, exported.licences, rows, tuple(written))


def _opened(source: Path) -> h5py.File:
    if not source.is_file():
        raise ExportError(f"{source} is missing; give a file that `mfsn cache export` wrote")
    try:
        return h5py.File(source, "r", locking=False)
    except OSError as error:
        raise ExportError(
            f"{source} cannot be opened as HDF5 ({error}); export it again on the other machine"
        ) from error


def _refuse_other_outputs(exported: ExportedCorpus, workspace: Path, source: Path) -> None:
    """Never overwrite different outputs; hashes of code may differ, since `scan` writes them."""
    differing = [
        path
        for path, content in exported.files.items()
        if not path.startswith(f"{CODE}/")
        and (workspace / path).is_file()
        and (workspace / path).read_bytes() != content
    ]
    for path, digest in _digests(exported, workspace).items():
        if names_rows(path) and Digest.read(path) != digest:
            differing.append(path.relative_to(workspace).as_posix())
    if differing:
        raise ExportError(
            f"{', '.join(differing)} differ from those in {source}, so nothing was imported; "
            "import only the rows with --rows-only, or move these files away first"
        )


def _check(exported: ExportedCorpus, digest: Digest) -> None:
    with _progress(f"check {digest.extractor}", digest) as progress:
        for keys, _ in exported.rows(digest):
            progress.update(len(keys))


def _store(exported: ExportedCorpus, digest: Digest, store_root: Path) -> tuple[int, int]:
    store = Store(store_root, digest.spec)
    with store.writer(digest.about) as writer, _progress(digest.extractor, digest) as progress:
        named = set(digest.rows.values())
        new = len(store.missing(list(named)))
        for keys, rows in exported.rows(digest):
            writer.append(keys, rows)
            progress.update(len(keys))
    return len(named), new


def _write_outputs(exported: ExportedCorpus, workspace: Path, store_root: Path) -> list[str]:
    absent = {path: c for path, c in exported.files.items() if not (workspace / path).exists()}
    for path, content in absent.items():
        write_bytes(workspace / path, content)
    digests = _digests(exported, workspace)
    new = {path: digest for path, digest in digests.items() if not path.exists()}
    for place, digest in new.items():
        digest.write(place)
    register(store_root, Outputs(workspace, exported.name, "any"), exported.digests)
    return [*absent, *(path.relative_to(workspace).as_posix() for path in new)]


def _digests(exported: ExportedCorpus, workspace: Path) -> dict[Path, Digest]:
    """The digests by their paths, without waves, whose digest is the segment table."""
    outputs = Outputs(workspace, exported.name, "any")
    features = [digest for digest in exported.digests if digest.extractor != WAVEFORM]
    return {outputs.digest(digest.extractor): digest for digest in features}


def _progress(what: str, digest: Digest) -> tqdm[NoReturn]:
    return tqdm(total=len(digest.rows), desc=what, unit="row", disable=None)
