"""Fold data: the cached rows of a corpus, and the parts of a fold as indices into them.

Shapes: N segments, U utterances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mfsn.models.inputs import Features, InputShapes
from mfsn.segments.config import Reading
from mfsn.store.digest import Digest
from mfsn.training.data.columns import Column, StoredArray
from mfsn.training.data.labels import Label
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment

ACOUSTIC_LEVEL = "acoustic"
"""Stands where other systems name the SEC level, if a system reads no SEC."""

Arrays = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""Extractor name to array name to rows."""


def make_rows(
    arrays: Arrays,
    utterances: Sequence[str],
    valid_samples: npt.NDArray[np.int64],
    samples: int,
    device: str = "cpu",
) -> Rows:
    """Bring cached arrays to a device.

    Args:
        arrays: of `spectrogram`, `mfcc` and, where the system reads them, `sec` (levels in their
            order) and `tec` (its last array counts); rows in the order of the segments.
        utterances: each segment's utterance; whole utterances only, since the utterance's maximum
            is taken over its segments.
        valid_samples: samples of each segment that count as audio.
        samples: samples of a segment.
        device: as torch names it.
    """

    def load(rows: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(rows).to(device)

    tec = list(arrays.get("tec", {}).values())
    return Rows(
        sec={level: load(rows) for level, rows in arrays.get("sec", {}).items()},
        tec_NTD=load(tec[-1]) if tec else None,
        spectrogram_NSF=load(arrays["spectrogram"]["level_db"]),
        utterance_max_N=load(_utterance_max(arrays["spectrogram"]["max_db"], utterances)),
        mfcc_NMK=load(arrays["mfcc"]["mfcc"]),
        valid_N=load((valid_samples / samples).astype(np.float32)),
        device=device,
    )


def to_features(
    arrays: Arrays,
    utterances: Sequence[str],
    valid_samples: npt.NDArray[np.int64],
    samples: int,
    device: str = "cpu",
) -> Features:
    """All rows as one batch: what prediction feeds to a network. Arguments as in `make_rows`."""
    rows = make_rows(arrays, utterances, valid_samples, samples, device)
    return rows.features(torch.arange(len(utterances), device=device))


@dataclass(frozen=True)
class Part:
    """Some utterances: their segments as indices into `Rows`, and their labels."""

    rows_N: Tensor
    """Indices of the segments, ascending."""
    utterance_N: Tensor
    """Each segment's utterance, as an index into `labels_U`."""
    labels_U: Tensor
    """Class index of each utterance, [U]; with soft labels among them the share of each class,
    [U, C]; or the value of each dimension, [U, D]."""

    @cached_property
    def segment_labels(self) -> Tensor:
        """Label of each segment: that of its utterance."""
        return self.labels_U[self.utterance_N]


@dataclass(frozen=True)
class TrainingData:
    """The rows of a whole corpus, from which folds take parts."""

    rows: Rows
    segments: pd.DataFrame
    """The segment table, in the order of the rows."""
    labels: Mapping[str, Label]
    """By utterance id."""
    shapes: InputShapes
    levels: tuple[str, ...]
    """SEC level names in their order; the last is S_N. `ACOUSTIC_LEVEL` alone without SEC."""
    device: str

    def part(self, ids: Sequence[str], labels: Mapping[str, Label] | None = None) -> Part:
        """The segments of utterances.

        Args:
            ids: utterance ids.
            labels: other labels than the corpus has, by utterance id.
        """
        positions = {name: index for index, name in enumerate(ids)}
        own = self.segments["utterance_id"].map(positions)
        rows = np.flatnonzero(own.notna())
        own_labels = [(labels or self.labels)[name] for name in ids]
        return Part(
            torch.from_numpy(rows).to(self.device),
            torch.from_numpy(own.to_numpy()[rows].astype(np.int64)).to(self.device),
            as_tensor(own_labels).to(self.device),
        )


def as_tensor(labels: Sequence[Label]) -> Tensor:
    """Labels of utterances: whole numbers [U] of classes, or float32 [U, C] or [U, D].

    Args:
        labels: where one of classes is soft, the others become shares of 1 and 0.
    """
    widths = {len(label) for label in labels if isinstance(label, tuple)}
    if not widths:
        return torch.tensor(labels, dtype=torch.int64)
    (width,) = widths
    return torch.tensor([_as_shares(label, width) for label in labels])


def load_data(experiment: Experiment, device: str, streaming: bool = False) -> TrainingData:
    """The rows that the experiment's system needs.

    Args:
        experiment: names the digests.
        device: where batches go, as torch names it.
        streaming: leave the large arrays in the store and read each batch while the one before is
            computed on, instead of reading all rows into the device's memory once.

    Raises:
        CacheError: if a row is missing or damaged, or a digest cannot be read.
    """
    digests = experiment.digests
    return TrainingData(
        rows=_open_rows(experiment, device, streaming),
        segments=experiment.segments,
        labels=experiment.label_of,
        shapes=input_shapes(digests, experiment.segment.reading),
        levels=_levels(digests),
        device=device,
    )


def input_shapes(digests: Mapping[str, Digest], reading: Reading = "fixed") -> InputShapes:
    """The sizes of a network's inputs, from the digests of what its system reads.

    Without SEC and TEC theirs are 0: what another system has in the store decides nothing.
    """
    shapes = {
        name: {array.name: array.shape for array in digest.arrays}
        for name, digest in digests.items()
    }
    unread = {"none": (0, 0)}
    return InputShapes(
        *list(shapes.get("sec", unread).values())[-1],
        *list(shapes.get("tec", unread).values())[-1],
        *shapes["spectrogram"]["level_db"],
        *shapes["mfcc"]["mfcc"],
        reading=reading,
    )


def _open_rows(experiment: Experiment, device: str, streaming: bool) -> Rows:
    segments = experiment.segments
    ids, home = segments["segment_id"].tolist(), "cpu" if streaming else device
    audible = experiment.segment.audible(segments["valid_samples"].to_numpy())
    valid = audible / experiment.segment.samples
    readers = {name: experiment.reader(name) for name in experiment.digests}
    loudest = readers["spectrogram"].read(ids, ["max_db"])["max_db"]
    columns: dict[tuple[str, str], Column] = {}
    for extractor, arrays in experiment.arrays.items():
        for array in arrays:
            stored = StoredArray(readers[extractor], array.name, ids, device)
            columns[extractor, array.name] = stored if streaming else stored.load()
    tec = [column for (extractor, _), column in columns.items() if extractor == "tec"]
    return Rows(
        sec={level: column for (name, level), column in columns.items() if name == "sec"},
        tec_NTD=tec[0] if tec else None,
        spectrogram_NSF=columns["spectrogram", "level_db"],
        utterance_max_N=torch.from_numpy(
            _utterance_max(loudest, segments["utterance_id"].tolist())
        ).to(home),
        mfcc_NMK=columns["mfcc", "mfcc"],
        valid_N=torch.from_numpy(valid.astype(np.float32)).to(home),
        device=device,
    )


def _as_shares(label: Label, width: int) -> tuple[float, ...]:
    if isinstance(label, tuple):
        return label
    return tuple(float(index == label) for index in range(width))


def _levels(digests: Mapping[str, Digest]) -> tuple[str, ...]:
    if "sec" not in digests:
        return (ACOUSTIC_LEVEL,)
    return tuple(array.name for array in digests["sec"].arrays)


def _utterance_max(
    max_db_N: npt.NDArray[np.float32], utterances: Sequence[str]
) -> npt.NDArray[np.float32]:
    codes, names = pd.factorize(np.asarray(utterances, dtype=object))
    loudest = np.full(len(names), -np.inf, np.float32)
    np.maximum.at(loudest, codes, max_db_N)
    return loudest[codes]
