"""Replace TEC of some utterances (params.yaml: corruption), to test how robust the fusion is.

SEC, spectrogram, MFCC and the number of frames with real audio stay those of the utterance itself.

Shapes: N segments, F frames, D width, P frames of a pool of noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mfsn.errors import TrainingError
from mfsn.models.config import Mask
from mfsn.models.inputs import Source, valid_positions
from mfsn.runs.unit import Unit
from mfsn.training.config import CorruptionConfig
from mfsn.training.data.columns import Column, take
from mfsn.training.data.fold_data import TrainingData
from mfsn.training.data.replaced_columns import Exchanged, Noise, Zeros
from mfsn.training.data.rows import Rows
from mfsn.training.experiment import Experiment

EXTRACTOR = "tec"
"""The arrays of this extractor are replaced."""
SPLITS = ("train", "dev", "test")
NOISE_FRAMES = 4096
"""Frames of noise in the pool of each split."""
ROWS_AT_ONCE = 256
"""Rows looked at together for mean and deviation, so that streamed rows stay out of memory."""

Replaced = Mapping[str, Mapping[str, str]]
"""For each split, the utterances that lose their TEC, each with another utterance of the split."""


def corrupted_rows(unit: Unit, experiment: Experiment, data: TrainingData) -> Rows:
    """The rows that the network of a unit reads.

    Args:
        unit: fold and seed.
        experiment: says what is replaced; by default, nothing.
        data: all rows of the corpus.

    Raises:
        TrainingError: as `replaced`.
    """
    config, rows = experiment.corruption, data.rows
    sources = [source for source in rows.columns if source[0] == EXTRACTOR]
    if not config.seen(test=True) or not sources:
        return rows
    found, changed = replaced(unit, config), dict(rows.columns)
    for source in sources:
        if config.kind == "zeros":
            changed[source] = Zeros(rows.columns[source], _marks(found, data))
        elif config.kind == "noise":
            changed[source] = _noise(source, found, unit, data)
        else:
            changed[source] = _exchanged(source, found, data, experiment.model.mask)
    return replace(rows, columns=changed)


def replaced(unit: Unit, config: CorruptionConfig) -> Replaced:
    """Which utterances lose their TEC, and from which utterance they may get another one.

    A hash of the ids puts the utterances of a split into an order. The first ones lose their TEC; a
    higher rate takes more from the same order. A second order says who follows each utterance: the
    next one there lends its TEC.

    Args:
        unit: its fold and seed decide both orders.
        config: kind and rates.

    Raises:
        TrainingError: if a split has only one utterance, which is to get the TEC of another one.
    """
    found = {}
    for split, rate in zip(SPLITS, (config.train, config.train, config.test), strict=True):
        ids = unit.fold.split(split)
        chosen = _ordered(unit, ids, "replaced")[: round(rate * len(ids))]
        if len(ids) == len(chosen) == 1 and config.kind == "other_utterance":
            raise TrainingError(
                f"{unit.label}: the {split} data are one utterance, so that there is no other to "
                "take TEC from; choose corruption.kind: noise or zeros"
            )
        circle = _ordered(unit, ids, "other")
        following = dict(zip(circle, circle[1:] + circle[:1], strict=True))
        found[split] = {name: following[name] for name in chosen}
    return found


def _ordered(unit: Unit, ids: Sequence[str], purpose: str) -> list[str]:
    seed = unit.random_seed(purpose)
    return sorted(ids, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def _marks(found: Replaced, data: TrainingData) -> Tensor:
    """[N], bool: the segments whose TEC is replaced."""
    names = {name for pairs in found.values() for name in pairs}
    marks_N = torch.from_numpy(data.segments["utterance_id"].isin(names).to_numpy(copy=True))
    return marks_N.to(data.rows.home)


def _noise(source: Source, found: Replaced, unit: Unit, data: TrainingData) -> Noise:
    """Every split has its own pool, so that no frame of noise is in both training and test data."""
    generator = torch.Generator().manual_seed(unit.random_seed("noise"))
    utterances, home = data.segments["utterance_id"], data.rows.home
    start_N, pace_N = torch.randint(NOISE_FRAMES, (2, len(utterances)), generator=generator)
    for place, split in enumerate(SPLITS):
        start_N[utterances.isin(found[split]).to_numpy(copy=True)] += place * NOISE_FRAMES
    training_N = data.part(unit.fold.train).rows_N.to(home)
    tec_NTD, length_N = data.rows.columns[source], data.rows.lengths[source]
    mean_D, deviation_D, dtype = _spread(tec_NTD, training_N, length_N)
    drawn_PD = torch.randn(len(SPLITS) * NOISE_FRAMES, len(mean_D), generator=generator).to(home)
    return Noise(
        tec_NTD,
        _marks(found, data),
        pool_PD=(mean_D + deviation_D * drawn_PD).to(dtype),
        stretch=NOISE_FRAMES,
        start_N=start_N.to(home),
        pace_N=(pace_N | 1).to(home),
    )


def _spread(column: Column, rows_N: Tensor, length_N: Tensor) -> tuple[Tensor, Tensor, torch.dtype]:
    """Mean and standard deviation of each feature over the frames of real audio, and the dtype."""
    frames, dtype = 0, torch.float32
    total_D = square_D = torch.zeros(())
    for some_N in torch.split(rows_N, ROWS_AT_ONCE):
        tec_NTD = take(column, some_N)
        speech_FD = tec_NTD[valid_positions(length_N[some_N], tec_NTD.shape[1])].double()
        frames, dtype = frames + len(speech_FD), tec_NTD.dtype
        total_D, square_D = total_D + speech_FD.sum(0), square_D + speech_FD.square().sum(0)
    mean_D = total_D / frames
    return mean_D, (square_D / frames - mean_D.square()).clamp(min=0).sqrt(), dtype


def _exchanged(source: Source, found: Replaced, data: TrainingData, mask: Mask) -> Exchanged:
    """Segment i gets segment i of the other utterance; after the last one come the first ones.

    If the other utterance has fewer frames that count, they are repeated, so that every frame of
    real audio gets TEC of speech. If it has more, they are cut.
    """
    rows_of = data.segments.groupby("utterance_id").indices
    lender_N = np.arange(len(data.segments))
    for name, other in (pair for pairs in found.values() for pair in pairs.items()):
        own, others = rows_of[name], rows_of[other]
        lender_N[own] = others[np.arange(len(own)) % len(others)]
    place_N, all_frames = torch.from_numpy(lender_N).to(data.rows.home), data.shapes[source][0]
    counted_N = data.rows.lengths[source][place_N] if mask == "valid" else all_frames
    frames_N = torch.where(_marks(found, data), counted_N, all_frames)
    return Exchanged(data.rows.columns[source], place_N, frames_N)
