"""Audio files in, emotions out: a trained model applied to recordings of any length and rate.

Recordings go the way of the corpus: the same decoding, cutting, extractors, storage dtypes and
aggregation, in memory instead of the cache. A recording of the corpus gets what the pipeline would
give it.

Shapes: S segments, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from tqdm import tqdm

from mfsn import runtime
from mfsn.config import sha256_of
from mfsn.corpora.config import SegmentConfig
from mfsn.corpora.fold import fold_title
from mfsn.errors import PredictionError
from mfsn.evaluation.aggregation import decide
from mfsn.evaluation.config import EvaluateConfig
from mfsn.features.base import Extractor, store_spec
from mfsn.features.memory import (
    Recording,
    Span,
    extract_segments,
    extract_whole,
    groups,
    load_recordings,
)
from mfsn.features.registry import remake_extractor
from mfsn.features.waveform import segment_recipe
from mfsn.files import read_json
from mfsn.params import load_params, outputs_of
from mfsn.training.classical import LinearModel
from mfsn.training.data import make_rows
from mfsn.training.loop import log_posteriors
from mfsn.training.results import MODEL, WEIGHTS
from mfsn.training.saved import load_network
from mfsn.workspace import find_workspace

Float64 = npt.NDArray[np.float64]
Paths = Sequence[str | Path]

RUN = "run.json"


@dataclass(frozen=True)
class Piece:
    """What a model says about a part of a recording."""

    start_s: float
    end_s: float
    posteriors: dict[str, float]
    """Class to posterior."""


@dataclass(frozen=True)
class Prediction:
    """What a model says about a recording."""

    path: str
    emotion: str
    posteriors: dict[str, float]
    """Class to posterior; they sum to 1. Those of the classical baseline are not calibrated."""
    pieces: tuple[Piece, ...]
    """Segment by segment; one piece where the system decides whole recordings."""


@dataclass(frozen=True)
class Predictions:
    """Predictions for some files, by one model."""

    model: str
    """Which one, in words."""
    warnings: tuple[str, ...]
    """Reasons not to trust them; empty where none is known."""
    files: tuple[Prediction, ...]
    """In the order of the paths that were given."""

    def to_frame(self) -> pd.DataFrame:
        """One row a file: path, emotion, duration, posterior of each class."""
        return pd.DataFrame(
            [
                {"path": file.path, "emotion": file.emotion, "duration_s": file.pieces[-1].end_s}
                | {f"posterior_{name}": value for name, value in file.posteriors.items()}
                for file in self.files
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


def predict(
    paths: Paths, workspace: Path | None = None, model: str | Path | None = None
) -> Predictions:
    """Predict the emotions of audio files of any length, sample rate and channel count.

    Args:
        paths: files that libsndfile reads (WAV, FLAC, Ogg, MP3, ...).
        workspace: the checkout; by default the one around the current folder.
        model: folder of a trained model below `models` of an experiment's results; by default the
            best one of the experiment in params.yaml, see `best_model`.

    Raises:
        PredictionError: if there is no file, no trained model, or its features cannot be made
            again as they were.
        AudioError: if files cannot be decoded; all of them are named.
        ConfigError: if params.yaml, or a parameter kept with the model, is not understood.
        ModelLoadError: if an encoder cannot be loaded.
        TrainingError: if the model's weights are damaged.
        RangeError: if a feature does not fit its storage dtype.
        WorkspaceError: if no workspace is given and the current folder lies in none.
    """
    home = workspace or find_workspace()
    params = load_params(home)
    folder = Path(model) if model else best_model(outputs_of(params, home).models)
    return Predictor(folder, params.evaluate).predict(paths)


def best_model(models: Path) -> Path:
    """The folder of the model with the largest WA + UA on its development data.

    Args:
        models: the output of the train stage.

    Raises:
        PredictionError: if there is no trained model.
    """
    folders = [path.parent for path in sorted(models.glob(f"*/{MODEL}"))]
    if not folders:
        raise PredictionError(f"there is no trained model in {models}; run `dvc repro` first")
    development = [read_json(folder / MODEL)["dev"] for folder in folders]
    scores = [score["wa"] + score["ua"] for score in development]
    return folders[scores.index(max(scores))]


class Predictor:
    """A trained model with its extractors, loaded once for any number of calls."""

    def __init__(self, folder: Path, evaluate: EvaluateConfig | None = None) -> None:
        """Load a model of the train stage.

        Args:
            folder: with model.json and its weights; run.json lies beside it.
            evaluate: how segments become a decision; by default the mean log-posterior.

        Raises:
            MfsnError: as `predict`, but for what concerns audio files.
        """
        self._record, self._run = _read(folder / MODEL), _read(folder.parent / RUN)
        self._evaluate = evaluate or EvaluateConfig()
        self._segment = SegmentConfig.parse(self._record["segment"], where=str(folder / MODEL))
        extractors = {
            name: _remake(name, kept, self._segment) for name, kept in self._run["features"].items()
        }
        self._score: _Network | _Classical = (
            _Classical(folder, extractors)
            if self._record["system"] == "classical"
            else _Network(folder, extractors)
        )
        self.classes: tuple[str, ...] = tuple(self._record["classes"])
        """The emotions that it tells apart."""

    def predict(self, paths: Paths) -> Predictions:
        """Predict audio files.

        Raises:
            MfsnError: as `predict` of this module, for what concerns audio files.
        """
        torch.set_num_threads(runtime.threads())
        recordings = load_recordings(paths, self._segment)
        files: list[Prediction] = []
        with tqdm(total=len(recordings), desc="predict", unit="file", disable=None) as progress:
            for group in groups(recordings):
                files += self._decide(group)
                progress.update(len(group))
        warnings = [*_doubts(self._run), *(f"{r.path} is silent" for r in recordings if r.silent)]
        return Predictions(_describe(self._record, self._run), tuple(warnings), tuple(files))

    def _decide(self, group: Sequence[Recording]) -> list[Prediction]:
        spans = [self._score.spans(recording) for recording in group]
        log_posterior_SC = self._score(group)
        recording_S = np.repeat(np.arange(len(group)), [len(own) for own in spans])
        valid_S = np.array([end - start for own in spans for start, end in own])
        decided = decide(log_posterior_SC, recording_S, valid_S, self._evaluate)
        return [
            Prediction(
                recording.path,
                self.classes[decided.predicted_U[index]],
                self._by_class(decided.posterior_UC[index]),
                self._pieces(spans[index], np.exp(log_posterior_SC[recording_S == index])),
            )
            for index, recording in enumerate(group)
        ]

    def _pieces(self, spans: Sequence[Span], posterior_SC: Float64) -> tuple[Piece, ...]:
        rate = self._segment.sample_rate_hz
        return tuple(
            Piece(start / rate, end / rate, self._by_class(posterior_C))
            for (start, end), posterior_C in zip(spans, posterior_SC, strict=True)
        )

    def _by_class(self, posterior_C: Float64) -> dict[str, float]:
        return dict(zip(self.classes, posterior_C.tolist(), strict=True))


class _Network:
    """Scores the segments of recordings by a network."""

    def __init__(self, folder: Path, extractors: Mapping[str, Extractor]) -> None:
        self._saved = load_network(folder)
        self._device = runtime.device()
        self._saved.network.to(self._device)
        self._extractors = extractors

    def spans(self, recording: Recording) -> list[Span]:
        return recording.segments

    def __call__(self, group: Sequence[Recording]) -> Float64:
        arrays = {name: extract_segments(e, group) for name, e in self._extractors.items()}
        rows = make_rows(
            arrays,
            [str(number) for number, recording in enumerate(group) for _ in recording.segments],
            np.concatenate([recording.valid_S for recording in group]),
            group[0].waves.shape[1],
            self._device,
        )
        everything = torch.arange(len(rows.valid_N), device=self._device)
        of_level = log_posteriors(self._saved.network, rows, everything)
        log_posterior_SC: Float64 = of_level[self._saved.level].numpy()
        return log_posterior_SC


class _Classical:
    """Scores whole recordings by the classical baseline."""

    def __init__(self, folder: Path, extractors: Mapping[str, Extractor]) -> None:
        self._model = LinearModel.load(folder / WEIGHTS)
        self._functionals = extractors["functionals"]

    def spans(self, recording: Recording) -> list[Span]:
        return [(0, int(recording.valid_S.sum()))]

    def __call__(self, group: Sequence[Recording]) -> Float64:
        return self._model.log_posteriors(extract_whole(self._functionals, group)["functionals"])


def _remake(name: str, kept: Mapping[str, Any], segment: SegmentConfig) -> Extractor:
    extractor = remake_extractor(name, kept["about"], segment.sample_rate_hz, segment.samples)
    now = store_spec(extractor, segment_recipe(segment)).recipe
    if sha256_of(now) != sha256_of(kept["recipe"]):
        raise PredictionError(
            f"{name} no longer computes what this model was trained on (its weights, its version "
            "or a library changed); run `dvc repro` to train again"
        )
    return extractor


def _doubts(run: Mapping[str, Any]) -> Iterator[str]:
    """Reasons not to trust a model."""
    if run["corpus"] == "demo":
        yield "the model learnt from the demo's synthetic voices; it knows nothing about people"
    random = [n for n, e in run["encoders"].items() if e["weights"] == "random weights"]
    if random:
        yield f"{' and '.join(random)} have random weights: the model has no pretrained encoder"
    if run["optimisation"]["shuffle_labels"]:
        yield "the model learnt shuffled labels, as a check; its predictions are chance"


def _describe(record: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    return (
        f"{record['system']} trained on {run['corpus']}, {fold_title(record['fold'])}, seed "
        f"{record['seed']} (development UA {record['dev']['ua']:.1%}, WA {record['dev']['wa']:.1%})"
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise PredictionError(
            f"{path} is missing, so {path.parent} holds no trained model; run `dvc repro`, or name "
            "another folder"
        )
    content: dict[str, Any] = read_json(path)
    return content
