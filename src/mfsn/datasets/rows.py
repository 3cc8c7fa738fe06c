"""Rows of features as an xarray.Dataset: the same names whether they are cached or computed now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from mfsn.segments.config import SegmentConfig
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec

SEGMENT, UTTERANCE = "segment_id", "utterance_id"
"""The first dimension of every array: extractors have one row per segment or per utterance."""
COORDINATES = (
    UTTERANCE, "index", "start_s", "valid_samples", "valid_frames", "emotion", "label", "speaker",
    "session",
)  # fmt: skip
"""The coordinates of each row beside its id; only those that are known and make sense."""


class CachedRows(BackendArray):
    """One array of the cached rows of an extractor; a row is read when its values are asked for.

    Args:
        reader: of the rows.
        ids: segment or utterance id of each row.
        array: which array of a row.
    """

    def __init__(self, reader: FeatureReader, ids: Sequence[str], array: ArraySpec) -> None:
        self._reader = reader
        self._ids = np.array(ids, dtype=object)
        self._name = array.name
        self.shape = (len(ids), *array.shape)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> npt.NDArray[Any]:
        """Values by position along each dimension, as xarray asks for them."""
        outer = indexing.IndexingSupport.OUTER
        values: npt.NDArray[Any] = indexing.explicit_indexing_adapter(
            key, self.shape, outer, self._read
        )
        return values

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        """Choose rows before they are read, and the rest afterwards, since a row is read whole."""
        rows, *inside = key
        values = self._reader.read(np.atleast_1d(self._ids[rows]).tolist(), [self._name])
        found = values[self._name]
        for axis, part in reversed(list(enumerate(inside, start=1))):
            found = found[(slice(None),) * axis + (part,)]
        return found if np.ndim(self._ids[rows]) else found[0]


def lazily(reader: FeatureReader, ids: Sequence[str]) -> dict[str, indexing.LazilyIndexedArray]:
    """All arrays of an extractor; no row is read yet."""
    return {
        array.name: indexing.LazilyIndexedArray(CachedRows(reader, ids, array))
        for array in reader.digest.arrays
    }


def dataset_of(
    arrays: Sequence[ArraySpec],
    values: Mapping[str, Any],
    table: pd.DataFrame,
    segment: SegmentConfig,
    attrs: Mapping[str, Any],
) -> xarray.Dataset:
    """Rows with what is known about them.

    Args:
        arrays: the arrays of a row.
        values: name of an array to its values, (rows, *shape of a row).
        table: one line per row: `segment_id` if a row is a segment, `utterance_id`, and some of
            `COORDINATES`. For segments also `start_sample`.
        segment: how the segments were cut.
        attrs: what is said about all rows.

    Returns:
        Arrays of dimensions (`segment_id` or `utterance_id`, then those of the extractor).
    """
    row = SEGMENT if SEGMENT in table else UTTERANCE
    if row == SEGMENT:
        table = table.assign(start_s=table["start_sample"] / segment.sample_rate_hz)
        sizes = {d: n for a in arrays for d, n in zip(a.dims, a.shape, strict=True)}
        if "frame" in sizes:
            valid_frames = _valid_frames(table["valid_samples"], segment, sizes["frame"])
            table = table.assign(valid_frames=valid_frames)
    names = [row, *(name for name in COORDINATES if name in table and name != row)]
    return xarray.Dataset(
        {array.name: ((row, *array.dims), values[array.name]) for array in arrays},
        {name: (row, _plain(table[name])) for name in names},
        attrs,
    )


def _valid_frames(
    valid_samples: pd.Series, segment: SegmentConfig, frames: int
) -> npt.NDArray[np.int64]:
    """The number of frames of each segment that contain real audio."""
    share = segment.audible(valid_samples.to_numpy(np.int64)) / segment.samples
    return np.ceil(share * frames).astype(np.int64)


def _plain(values: pd.Series) -> npt.NDArray[Any]:
    """Numbers as they are; text as text, and empty text if it is unknown."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy()
    return values.fillna("").to_numpy(dtype=str)
