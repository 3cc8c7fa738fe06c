"""`mfsn cache export`: write the features of a corpus as one HDF5 file (see `sharing.hdf5`)."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from tqdm import tqdm

from mfsn.base.files import replacing
from mfsn.base.quantities import counted, show_bytes
from mfsn.errors import ExportError, MfsnError, MissingRowError, StorageFullError
from mfsn.sharing.batches import BATCH_BYTES, Array, batches, checksums_of, rows_within
from mfsn.sharing.corpus import CODE, PreparedCorpus, carried_files
from mfsn.sharing.described import describe
from mfsn.sharing.hdf5 import BYTES, UNSIGNED, VERSION
from mfsn.store import shard as shards
from mfsn.store.digest import Digest
from mfsn.store.layout import dtype_of, row_bytes
from mfsn.store.spec import ArraySpec
from mfsn.store.store import Store

SPARE_BYTES = 16 * 2**20


def export_corpus(
    target: Path,
    corpus: PreparedCorpus,
    store_root: Path,
    extractors: Sequence[str] = (),
    replace: bool = False,
) -> dict[str, int]:
    """Write the features of a corpus, and what is needed to use them, as one HDF5 file.

    Args:
        target: the file, which is written whole or not at all.
        corpus: what to export.
        store_root: root of the feature cache.
        extractors: whose features to export, by default all; `waveform` adds the waves.
        replace: whether to overwrite an existing file.

    Returns:
        The number of rows per extractor.

    Raises:
        MissingRowError: if the store lacks a row that a digest names.
        DamagedRowError: if a row does not match its checksum.
        StorageFullError: if the features do not fit on the disk.
        ExportError: if the file exists or cannot be written, or a stage output that belongs into
            it is missing.
        CacheError, ManifestError: if a digest or a table is missing or cannot be read.
    """
    if target.is_file() and not replace:
        raise ExportError(
            f"{target} exists already; overwrite it with --force, or choose another file"
        )
    digests = corpus.digests(extractors)
    _refuse_rows_per_fold(digests)
    for digest in digests:
        _refuse_missing(digest, store_root)
    tables = {"utterances": corpus.manifest(), "segments": corpus.segments()}
    outputs = _read_outputs(corpus)
    with _writing(target, digests) as file:
        _write_corpus(file, corpus, tables, outputs)
        for digest in digests:
            _write_features(file, digest, Store(store_root, digest.spec))
    return {digest.extractor: len(digest.rows) for digest in digests}


def _refuse_rows_per_fold(digests: Sequence[Digest]) -> None:
    per_fold = [digest.extractor for digest in digests if digest.folds]
    if per_fold:
        raise ExportError(
            f"nothing was exported, since {' and '.join(per_fold)} has rows per fold, which this "
            "file cannot hold; name other features with --extractor, or use `mfsn cache push`"
        )


def _refuse_missing(digest: Digest, store_root: Path) -> None:
    store = Store(store_root, digest.spec)
    lost = store.missing(list(digest.rows.values()))
    if lost:
        raise MissingRowError(
            f"nothing was exported, since {counted(len(lost), 'row')} of {digest.extractor} not in "
            f"{store.path} {store.why_lost(lost)}"
        )


@contextlib.contextmanager
def _writing(target: Path, digests: Sequence[Digest]) -> Iterator[h5py.File]:
    """A new HDF5 file, which is renamed to the target when it is complete."""
    if target.is_dir():
        raise ExportError(f"{target} is a folder; give the name of a file in it")
    try:
        with replacing(target) as temporary:
            _refuse_small_disk(target.parent, digests)
            with h5py.File(temporary, "w", libver="earliest") as file:
                yield file
    except MfsnError:
        raise
    except (OSError, RuntimeError) as error:  # as h5py reports errors of the system
        raise ExportError(
            f"{target} cannot be written ({error}); choose another folder, or free some space"
        ) from error


def _refuse_small_disk(folder: Path, digests: Sequence[Digest]) -> None:
    needed = sum(row_bytes(array) * len(d.rows) for d in digests for array in d.arrays)
    free = shutil.disk_usage(folder).free
    if free < needed + SPARE_BYTES:
        raise StorageFullError(
            f"{folder}: the export needs {show_bytes(needed)}, but only {show_bytes(free)} are "
            "free; free some space, choose another folder, or export fewer with --extractor"
        )


def _read_outputs(corpus: PreparedCorpus) -> dict[Path, bytes]:
    """The stage outputs that go into the file, by path relative to the workspace."""
    workspace = corpus.outputs.workspace
    code = sorted(path.relative_to(workspace) for path in (workspace / CODE).glob("*.json"))
    try:
        paths = [*carried_files(corpus.name), *code]
        return {path: (workspace / path).read_bytes() for path in paths}
    except OSError as error:
        raise ExportError(
            f"{error.filename} cannot be read ({error.strerror}), so nothing was exported; "
            "run `dvc repro` or `dvc pull` to get it back"
        ) from error


def _write_corpus(
    file: h5py.File,
    corpus: PreparedCorpus,
    tables: Mapping[str, pd.DataFrame],
    outputs: Mapping[Path, bytes],
) -> None:
    file.attrs["mfsn_export"] = VERSION
    file.attrs["corpus"] = corpus.name
    file.attrs["licences"] = "; ".join(sorted(set(tables["utterances"]["licence"])))
    params = (corpus.outputs.workspace / "params.yaml").read_text(encoding="utf-8")
    _write_texts(file, "params.yaml", params)
    for name, table in tables.items():
        for column in table:
            _write_column(file, f"{name}/{column}", table[column])
    file.create_group(f"files/{CODE}")
    for path, content in outputs.items():
        _write(file, f"files/{path.as_posix()}", np.frombuffer(content, BYTES))


def _write_features(file: h5py.File, digest: Digest, store: Store) -> None:
    group = file.create_group(f"features/{digest.extractor}")
    rows = sorted(digest.rows.items())
    _write_texts(group, "description", describe(digest))
    _write_texts(group, "id", [name for name, _ in rows])
    _write_texts(group, "row_key", [key for _, key in rows])
    columns = [_Column(group, array, len(rows)) for array in digest.arrays]
    with tqdm(total=len(rows), desc=digest.extractor, unit="row", disable=None) as progress:
        for batch in batches([key for _, key in rows], rows_within(BATCH_BYTES, digest.arrays)):
            read = store.read(batch)
            for column in columns:
                column.append(read[column.name])
            progress.update(len(batch))
    for column in columns:
        column.finish()


class _Column:
    """One array of all rows, written piece by piece with its checksums."""

    def __init__(self, group: h5py.Group, array: ArraySpec, rows: int) -> None:
        self.name = array.name
        self._group = group
        shape = (rows, *array.shape)
        self._dataset = group.create_dataset(array.name, shape, dtype_of(array), fill_time="never")
        for dimension, label in zip(self._dataset.dims, ("row", *array.dims), strict=True):
            dimension.label = label
        self._sha256 = hashlib.sha256()
        self._checksums: list[int] = []

    def append(self, rows: Array) -> None:
        """Write the next rows."""
        first = len(self._checksums)
        self._dataset[first : first + len(rows)] = rows
        self._sha256.update(shards.as_bytes(rows).data)
        self._checksums += checksums_of(rows)

    def finish(self) -> None:
        """Write the checksums of all rows."""
        self._dataset.attrs["sha256"] = self._sha256.hexdigest()
        _write(self._group, f"crc32c/{self.name}", np.array(self._checksums, UNSIGNED))


def _write_column(file: h5py.File, name: str, values: pd.Series) -> None:
    if values.dtype.kind in "if":
        _write(file, name, values.to_numpy().astype(f"<{values.dtype.kind}8"))
    elif name.endswith("/congruent"):
        _write(file, name, values.map({True: 1, False: 0}).fillna(-1).to_numpy(np.int8))
    else:
        _write_texts(file, name, values.fillna("").tolist())


def _write_texts(group: h5py.Group, name: str, texts: str | Sequence[str]) -> None:
    encoded = [text.encode() for text in ([texts] if isinstance(texts, str) else texts)]
    dtype = h5py.string_dtype("utf-8", max(1, *map(len, encoded)) if encoded else 1)
    values = np.array(encoded, dtype)
    _write(group, name, values.reshape(()) if isinstance(texts, str) else values)


def _write(group: h5py.Group, name: str, values: Array) -> None:
    written = group.create_dataset(name, data=values, dtype=values.dtype)
    written.attrs["sha256"] = hashlib.sha256(values.tobytes()).hexdigest()
