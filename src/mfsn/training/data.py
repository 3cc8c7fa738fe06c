"""Fold data: cached rows on one device, and the parts of a fold as indices into them.

All rows of an experiment are read once and stay in the storage dtype (float16 for encoders); a
batch is a selection by index, made float32. No Python runs per sample.

Shapes: N segments, U utterances, B batch, T, S and M frames, D width, F bins, K coefficients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from mfsn.cache.digest import Digest
from mfsn.models.inputs import Features, InputShapes
from mfsn.training.experiment import Experiment

ACOUSTIC_LEVEL = "acoustic"
"""Stands where other systems name the SEC level, if a system reads no SEC."""

Arrays = Mapping[str, Mapping[str, npt.NDArray[Any]]]
"""Extractor name to array name to rows."""


@dataclass(frozen=True)
class Rows:
    """The cached rows of N segments on one device, in their storage dtype."""

    sec: Mapping[str, Tensor]
    """SEC level to [N, T, D], in the order of the levels; empty where the system reads none."""
    tec_NTD: Tensor | None
    spectrogram_NSF: Tensor
    utterance_max_N: Tensor
    mfcc_NMK: Tensor
    valid_N: Tensor

    def features(self, rows_B: Tensor, levels: Collection[str] | None = None) -> Features:
        """A batch as float32.

        Args:
            rows_B: indices into the rows, on their device.
            levels: SEC levels that will be read; all by default.
        """

        def take(rows: Tensor) -> Tensor:
            return rows.index_select(0, rows_B).float()

        wanted = [level for level in self.sec if levels is None or level in levels]
        return Features(
            sec={level: take(self.sec[level]) for level in wanted},
            tec_BTD=None if self.tec_NTD is None else take(self.tec_NTD),
            spectrogram_BSF=take(self.spectrogram_NSF),
            utterance_max_B=take(self.utterance_max_N),
            mfcc_BMK=take(self.mfcc_NMK),
            valid_B=take(self.valid_N),
        )


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
        valid_samples: samples of real audio in each segment.
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
    """Class index of each utterance."""

    @cached_property
    def segment_labels(self) -> Tensor:
        """Class index of each segment."""
        return self.labels_U[self.utterance_N]


@dataclass(frozen=True)
class TrainingData:
    """The rows of a whole corpus, from which folds take parts."""

    rows: Rows
    segments: pd.DataFrame
    """The segment table, in the order of the rows."""
    labels: Mapping[str, int]
    """Utterance id to class index."""
    shapes: InputShapes
    levels: tuple[str, ...]
    """SEC level names in their order; the last is S_N. `ACOUSTIC_LEVEL` alone without SEC."""
    device: str

    def part(self, ids: Sequence[str], labels: Mapping[str, int] | None = None) -> Part:
        """The segments of utterances.

        Args:
            ids: utterance ids.
            labels: other labels than the corpus has, by utterance id.
        """
        positions = {name: index for index, name in enumerate(ids)}
        own = self.segments["utterance_id"].map(positions)
        rows = np.flatnonzero(own.notna())
        classes = [(labels or self.labels)[name] for name in ids]
        return Part(
            torch.from_numpy(rows).to(self.device),
            torch.from_numpy(own.to_numpy()[rows].astype(np.int64)).to(self.device),
            torch.tensor(classes, device=self.device),
        )


def load_data(experiment: Experiment, device: str) -> TrainingData:
    """Read every row that the experiment's system needs, once.

    Raises:
        CacheError: if a row is missing or damaged, or a digest cannot be read.
    """
    segments = experiment.segments
    ids = segments["segment_id"].tolist()
    digests = experiment.digests
    arrays = {name: experiment.reader(name).read(ids) for name in digests}
    return TrainingData(
        rows=make_rows(
            arrays,
            segments["utterance_id"].tolist(),
            segments["valid_samples"].to_numpy(),
            experiment.segment.samples,
            device,
        ),
        segments=segments,
        labels=experiment.class_of,
        shapes=input_shapes(digests),
        levels=_levels(digests),
        device=device,
    )


def input_shapes(digests: Mapping[str, Digest]) -> InputShapes:
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
    )


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
