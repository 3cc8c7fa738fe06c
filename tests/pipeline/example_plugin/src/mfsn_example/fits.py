"""How system `centroids` is fitted, and how its models score recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save

from mfsn.base.arrays import Float64
from mfsn.features.base import Extractor
from mfsn.features.extraction.in_memory import Recording, Span, extract_recordings
from mfsn.runs.unit import Unit
from mfsn.runs.work import Do
from mfsn.training.experiment import Experiment
from mfsn.training.results import WEIGHTS, Result, whole_utterances, write_result
from mfsn.training.scoring import score_classes
from mfsn.training.system import Fits
from mfsn_example.system import CentroidsConfig


def log_posteriors(loudness_NP: Float64, centroid_CP: Float64, sharpness: float) -> Float64:
    """Log-posteriors [N, C] of N vectors."""
    distance_NC = np.square(loudness_NP[:, None] - centroid_CP).sum(axis=2)
    score_NC = -sharpness * distance_NC
    return cast(Float64, score_NC - np.log(np.exp(score_NC).sum(axis=1, keepdims=True)))


@dataclass(frozen=True)
class CentroidFits(Fits):
    """One mean per class."""

    @staticmethod
    def about(experiment: Experiment) -> dict[str, Any]:
        """What is fitted."""
        return {"fitted": "nearest centroid"}

    def open(self) -> Do:
        """Read the rows, and take the mean of each utterance."""
        segments = self.experiment.segments
        rows = self.experiment.reader("loudness").read(list(segments["segment_id"]))["level_db"]
        means = pd.DataFrame(rows).groupby(segments["utterance_id"].to_numpy()).mean()
        return lambda unit: self.fit(unit, means)

    def fit(self, unit: Unit, means: pd.DataFrame) -> str:
        """Fit, predict and write the folder of a unit."""
        experiment, fold = self.experiment, unit.fold
        classes = experiment.class_of
        training = means.loc[list(fold.train)]
        centroids = training.groupby(np.array([classes[name] for name in fold.train])).mean()
        centroid_CP = centroids.sort_index().to_numpy(np.float64)
        sharpness = cast(CentroidsConfig, experiment.own).sharpness

        def read(ids: Sequence[str]) -> Float64:
            return log_posteriors(means.loc[list(ids)].to_numpy(), centroid_CP, sharpness)

        labels = np.array([classes[name] for name in fold.dev])
        dev = score_classes(read(fold.dev), labels, np.arange(len(labels)))
        result = Result(
            history=[{"train_loss": 0.0, "dev": {"loudness": dev}}],
            chosen={},
            dev=dev,
            weights=save({"centroid_CP": centroid_CP}),
            about={"sharpness": sharpness},
            segments=whole_utterances(unit, experiment),
            read={experiment.selection.rule: read(fold.test)},
        )
        write_result(unit, experiment, result)
        return f"dev UA {dev['ua']:.1%}"


class CentroidScorer:
    """Scores whole recordings."""

    def __init__(self, folder: Path, extractors: Mapping[str, Extractor]) -> None:
        self._centroid_CP = load_file(folder / WEIGHTS)["centroid_CP"]
        self._loudness = extractors["loudness"]
        self._sharpness = float(pd.read_json(folder / "model.json", typ="series")["sharpness"])

    def spans(self, recording: Recording) -> list[Span]:
        """All of it."""
        return [(0, int(recording.valid_S.sum()))]

    def __call__(self, group: Sequence[Recording]) -> Float64:
        """Log-posteriors of each recording."""
        rows = extract_recordings(self._loudness, group)["level_db"]
        own = np.repeat(np.arange(len(group)), [len(r.segments) for r in group])
        means = pd.DataFrame(rows).groupby(own).mean().to_numpy()
        return log_posteriors(means, self._centroid_CP, self._sharpness)
