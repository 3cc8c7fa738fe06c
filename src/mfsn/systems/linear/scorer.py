"""Trained linear models that score whole recordings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from mfsn.base.arrays import Float64
from mfsn.features.base import Extractor
from mfsn.features.extraction.in_memory import Recording, Span, extract_recordings
from mfsn.features.extractors.functionals import FunctionalsExtractor
from mfsn.systems.linear.layer_statistics_config import ALL_LEVELS
from mfsn.systems.linear.model import LinearModel
from mfsn.systems.linear.probe_model import segment_means, utterance_means
from mfsn.systems.linear.statistics import segment_statistics, utterance_statistics
from mfsn.training.model_record import read_record
from mfsn.training.results import MODEL, WEIGHTS


class _LinearScorer(ABC):
    """Scores whole recordings; see `mfsn.training.system.Scorer`."""

    def __init__(self, folder: Path, extractors: Mapping[str, Extractor]) -> None:
        self._model = LinearModel.load(folder / WEIGHTS)
        self._extractors = extractors
        self._record = read_record(folder / MODEL)

    @abstractmethod
    def _vectors(self, group: Sequence[Recording]) -> npt.NDArray[Any]:
        """One vector per recording."""

    def spans(self, recording: Recording) -> list[Span]:
        """All of it."""
        return [(0, int(recording.valid_S.sum()))]

    def __call__(self, group: Sequence[Recording]) -> Float64:
        """What the model says of each recording."""
        return self._model.read(self._vectors(group), self._record.get("dimensions", ()))


class ClassicalScorer(_LinearScorer):
    """The classical baseline."""

    def _vectors(self, group: Sequence[Recording]) -> npt.NDArray[Any]:
        functionals = cast(FunctionalsExtractor, self._extractors["functionals"])
        return extract_recordings(functionals.without_copies(), group)["functionals"]


class ProbeScorer(_LinearScorer):
    """A linear probe of one level."""

    def _vectors(self, group: Sequence[Recording]) -> npt.NDArray[Any]:
        hidden_STD = extract_recordings(self._extractors["sec"], group)[self._record["level"]]
        valid_S = np.concatenate([r.segment.audible(r.valid_S) for r in group])
        mean_SD = segment_means(hidden_STD, valid_S, group[0].segment.samples)
        own_S = np.repeat(np.arange(len(group)), [len(r.segments) for r in group])
        return utterance_means(mean_SD, valid_S, own_S)


class LayerStatisticsScorer(_LinearScorer):
    """A linear model on the statistics of one level or of all; its width says of which ones."""

    def _vectors(self, group: Sequence[Recording]) -> npt.NDArray[Any]:
        hidden = extract_recordings(self._extractors["sec"], group)
        level = self._record["level"]
        read = [*hidden.values()] if level == ALL_LEVELS else [hidden[level]]
        valid_S = np.concatenate([r.segment.audible(r.valid_S) for r in group])
        own_S = np.repeat(np.arange(len(group)), [len(r.segments) for r in group])
        kept = 1 if len(self._model.mean_P) == sum(rows.shape[2] for rows in read) else 2
        found: list[npt.NDArray[Any]] = []
        for rows_STD in read:
            both_SD = segment_statistics(rows_STD, valid_S, group[0].segment.samples)
            found += utterance_statistics(*both_SD, valid_S, own_S)[:kept]
        return np.concatenate(found, axis=1)
