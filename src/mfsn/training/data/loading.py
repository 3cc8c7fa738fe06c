"""Make rows for a network from the store or from arrays in memory, by the same rules.

Shapes: N segments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mfsn.base.arrays import Int64
from mfsn.features.lengths import VALID
from mfsn.models.inputs import LARGEST_OF, InputShapes, Source, positions_within
from mfsn.store.reader import FeatureReader
from mfsn.store.spec import ArraySpec
from mfsn.training.data.columns import StoredArray
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment

Arrays = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""Extractor name to array name to rows."""
Read = Mapping[Source, Tensor | StoredArray]
"""Arrays as an extractor made them: tensors, or columns that read them from the store."""


@dataclass(frozen=True)
class Cut:
    """How utterances were cut into the N segments that rows belong to."""

    utterances: Sequence[str]
    """The utterance of each segment. All segments of an utterance are there."""
    audible_N: Int64
    """Samples of each segment that count as audio."""
    samples: int
    """Samples of a whole segment."""


def make_rows(
    arrays: Arrays, utterances: Sequence[str], audible_N: Int64, samples: int, device: str = "cpu"
) -> Rows:
    """Bring arrays in memory to a device, as prediction does.

    Args:
        arrays: rows in the order of the segments.
        utterances, audible_N, samples: as in `Cut`.
        device: as torch names it.
    """
    read = {
        (extractor, name): torch.from_numpy(rows).to(device)
        for extractor, own in arrays.items()
        for name, rows in own.items()
    }
    return _rows(read, Cut(utterances, audible_N, samples), Rows({}, {}, device))


def load_data(experiment: Experiment, device: str, streaming: bool = False) -> TrainingData:
    """The rows that the experiment's system needs.

    Args:
        experiment: names the digests.
        device: where batches go, as torch names it.
        streaming: leave the large arrays in the store, and read each batch while the network
            computes on the one before it. Otherwise, all rows are read into the device's memory
            once.

    Raises:
        CacheError: if a row is missing or damaged, or a digest cannot be read.
    """
    per_fold = {name for name, digest in experiment.digests.items() if digest.folds}
    loader = _Loader(experiment, device, streaming)
    shared = loader.rows(experiment.digests.keys() - per_fold)

    @lru_cache(maxsize=1)
    def of_fold(name: str) -> Rows:
        """The shared rows together with the fold's own."""
        own = loader.rows(per_fold, name)
        columns, lengths = {**shared.columns, **own.columns}, {**shared.lengths, **own.lengths}
        return replace(shared, columns=columns, lengths=lengths)

    return TrainingData(
        rows=shared,
        segments=experiment.segments,
        labels=experiment.label_of,
        shapes=input_shapes(experiment),
        device=device,
        fold_rows=of_fold if per_fold else None,
    )


def input_shapes(experiment: Experiment) -> InputShapes:
    """The shapes of the inputs that the experiment's system reads."""
    shapes = {
        LARGEST_OF.get((extractor, array.name), (extractor, array.name)): array.shape
        for extractor, arrays in experiment.arrays.items()
        for array in arrays
    }
    return InputShapes(shapes, experiment.segment.reading)


@dataclass(frozen=True)
class _Loader:
    """Reads the rows of extractors for the segments of an experiment."""

    experiment: Experiment
    device: str
    streaming: bool

    def rows(self, extractors: Collection[str], fold: str | None = None) -> Rows:
        """The rows of some extractors; those of a fold, if they have rows per fold."""
        segments, segment = self.experiment.segments, self.experiment.segment
        audible_N = segment.audible(segments["valid_samples"].to_numpy())
        cut = Cut(segments["utterance_id"].tolist(), audible_N, segment.samples)
        readers = {name: self.experiment.reader(name, fold) for name in sorted(extractors)}
        whole = {
            name for name, reader in readers.items() if reader.rows.keys() >= {*cut.utterances}
        }
        read: dict[Source, Tensor | StoredArray] = {}
        for name, reader in readers.items():
            ids = cut.utterances if name in whole else segments["segment_id"].tolist()
            for array in self.experiment.arrays[name]:
                read[name, array.name] = self._read(reader, array, ids)
        return _rows(read, cut, Rows({}, {}, self.device, self.streaming), whole)

    def _read(
        self, reader: FeatureReader, array: ArraySpec, ids: Sequence[str]
    ) -> Tensor | StoredArray:
        """An array in memory. Streamed rows of more than one number stay in the store."""
        if self.streaming and array.shape:
            return StoredArray(reader, array.name, ids, self.device)
        return StoredArray(reader, array.name, ids, "cpu" if self.streaming else self.device).load()


def _rows(read: Read, cut: Cut, empty: Rows, whole: Collection[str] = ()) -> Rows:
    """Make rows of the arrays that were read.

    Args:
        read: rows in the order of the segments.
        cut: how utterances were cut into them.
        empty: says where tensors and batches go.
        whole: extractors whose rows are of whole utterances, so that all positions count.
    """
    columns, lengths = dict[Source, Tensor | StoredArray](), dict[Source, Tensor]()
    for source, column in read.items():
        own = read.get((source[0], source[1] + VALID))
        if len(column.shape) > 2 and isinstance(own, Tensor):
            lengths[source] = own.to(torch.int64)
        elif len(column.shape) > 2:
            audible_N = cut.audible_N.clip(min=cut.samples if source[0] in whole else 0)
            counted_N = positions_within(audible_N, cut.samples, column.shape[1])
            lengths[source] = torch.from_numpy(counted_N).to(empty.home)
        if source in LARGEST_OF and isinstance(column, Tensor):
            columns[LARGEST_OF[source]] = _largest(column, cut.utterances)
        else:
            columns[source] = column
    return replace(empty, columns=columns, lengths=lengths)


def _largest(number_N: Tensor, utterances: Sequence[str]) -> Tensor:
    """The largest number among the segments of each segment's utterance, [N]."""
    codes_N, names = pd.factorize(np.asarray(utterances, dtype=object))
    place_N = torch.from_numpy(codes_N).to(number_N.device)
    smallest_U = torch.full((len(names),), -torch.inf, device=number_N.device)
    return smallest_U.to(number_N.dtype).scatter_reduce(0, place_N, number_N, "amax")[place_N]
