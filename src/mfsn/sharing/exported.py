"""Read and check an exported file: its stage outputs, its digests, and their rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mfsn.base.quantities import counted
from mfsn.manifest import SEGMENTS, UTTERANCES, with_later
from mfsn.segments.waves import contents_of
from mfsn.sharing.batches import BATCH_BYTES, Array, Rows, count_unsound, rows_within
from mfsn.sharing.corpus import CODE, carried_files
from mfsn.sharing.described import parse_description
from mfsn.sharing.hdf5 import UNSIGNED, VERSION, H5Source
from mfsn.store import shard as shards
from mfsn.store.digest import Digest
from mfsn.store.layout import dtype_of
from mfsn.store.spec import ArraySpec

Places = Mapping[str, tuple[str, int]]
"""For each segment or utterance id, the sha256 of the audio and the first sample of its row."""

_CORPUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_CODE_FILE = re.compile(r"[A-Za-z0-9_-]+\.json")


class ExportedCorpus:
    """An opened file that `mfsn.sharing.export.export_corpus` wrote.

    Args:
        source: the file.

    Attributes:
        name: the name of the corpus.
        licences: the licences of its recordings, from the manifest.
        files: the stage outputs in the file, by path relative to a workspace.
        digests: name the rows in the file; every row key was checked against audio and recipe.

    Raises:
        ExportError: if the file is damaged, has another version, or is not an exported file.
    """

    def __init__(self, source: H5Source) -> None:
        self._source = source
        with source.guarding():
            self.name = self._read_name()
            self.licences = str(source.attribute("licences"))
            self.files = self._read_files()
            places = self._read_places()
            self.digests = [self._read_digest(name, places) for name in source.names("features")]

    def rows(self, digest: Digest) -> Iterator[tuple[list[str], Rows]]:
        """All rows of a digest, piece by piece: their keys and their arrays.

        Raises:
            ExportError: if a piece does not match its checksums, or the whole array its sha256.
        """
        keys = list(digest.rows.values())
        step = rows_within(BATCH_BYTES, digest.arrays)
        with self._source.guarding():
            group = f"features/{digest.extractor}"
            columns = [_Column(self._source, group, array, len(keys)) for array in digest.arrays]
            for first in range(0, len(keys), step):
                piece = slice(first, first + step)
                yield keys[piece], {column.name: column.read(piece) for column in columns}
            for column in columns:
                column.finish()

    def _read_name(self) -> str:
        version, corpus = (self._source.attribute(name) for name in ("mfsn_export", "corpus"))
        if version != VERSION:
            said = "is not an export of mfsn" if version is None else f"has layout {version}"
            raise self._source.refused(f"it {said}; this version of mfsn reads layout {VERSION}")
        if not isinstance(corpus, str) or not _CORPUS.fullmatch(corpus):
            raise self._source.refused("the name of its corpus is not allowed")
        return corpus

    def _read_files(self) -> dict[str, bytes]:
        """The files that `export` writes; anything else in the exported file is ignored."""
        code = self._source.names(f"files/{CODE}")
        paths = [path.as_posix() for path in carried_files(self.name)]
        paths += [f"{CODE}/{name}" for name in code if _CODE_FILE.fullmatch(name)]
        return {path: self._source.content(f"files/{path}") for path in paths}

    def _read_places(self) -> Places:
        manifest, segments = (self._table(*named) for named in self._tables())
        utterances = zip(manifest["utterance_id"], contents_of(manifest), strict=True)
        places = {str(name): (content, 0) for name, content in utterances}
        columns = ("segment_id", "audio_sha256", "start_sample")
        for name, sha, start in zip(*(segments[c] for c in columns), strict=True):
            places[str(name)] = (str(sha), int(start))
        return places

    def _tables(self) -> Iterator[tuple[str, pa.Schema]]:
        for path, schema in zip(carried_files(self.name), (UTTERANCES, SEGMENTS), strict=False):
            yield path.as_posix(), schema

    def _table(self, path: str, schema: pa.Schema) -> pd.DataFrame:
        try:
            table = pq.read_table(pa.BufferReader(self.files[path]))
        except pa.ArrowException as error:
            raise self._source.refused(f"{path} cannot be read as Parquet ({error})") from error
        table = with_later(table, schema)
        if not table.schema.equals(schema):
            raise self._source.refused(f"{path} does not have the columns of this version")
        read: pd.DataFrame = table.to_pandas()
        return read

    def _read_digest(self, extractor: str, places: Places) -> Digest:
        group = f"features/{extractor}"
        described = parse_description(self._source.text(f"{group}/description"))
        ids, keys = self._source.texts(f"{group}/id"), self._source.texts(f"{group}/row_key")
        if described.extractor != extractor or len({*ids}) < len(ids) or len(ids) != len(keys):
            raise self._source.refused(f"{group} contradicts itself")
        for name, key in zip(ids, keys, strict=True):
            if name not in places or described.spec.row_key(*places[name]) != key:
                raise self._source.refused(
                    f"the key of row {name} of {extractor} does not match its audio and recipe"
                )
        return Digest.of(described.spec, described.about, dict(zip(ids, keys, strict=True)))


class _Column:
    """One array of all rows, read piece by piece and compared with its checksums."""

    def __init__(self, source: H5Source, group: str, array: ArraySpec, rows: int) -> None:
        self.name = array.name
        self._source = source
        self._path = f"{group}/{array.name}"
        self._dataset = source.array(self._path, dtype_of(array), (rows, *array.shape))
        path = f"{group}/crc32c/{array.name}"
        self._checksums = source.verified(path, source.array(path, UNSIGNED, (rows,)))
        self._sha256 = hashlib.sha256()

    def read(self, piece: slice) -> Array:
        """Read the next rows.

        Raises:
            ExportError: if a row does not match its checksum.
        """
        rows: Array = np.asarray(self._dataset[piece])
        unsound = count_unsound(rows, self._checksums[piece].tolist())
        if unsound:
            raise self._source.refused(
                f"{self._path}: {counted(unsound, 'row')} without a matching crc32c"
            )
        self._sha256.update(shards.as_bytes(rows).data)
        return rows

    def finish(self) -> None:
        """Compare the checksum of all rows that were read."""
        self._source.compare(self._path, self._dataset, self._sha256.hexdigest())
