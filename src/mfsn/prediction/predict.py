"""Recordings in, emotions out: a trained model applied to recordings of any length and rate.

Recordings go the way of the corpus: the same decoding, cutting, extractors, storage dtypes and
aggregation, in memory instead of the cache. A recording of the corpus gets what the pipeline would
give it.

Shapes: S segments, C classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from mfsn import runtime
from mfsn.base.arrays import Float64, Int64
from mfsn.errors import AudioError, PredictionError
from mfsn.evaluation.aggregation import decide, mean_values
from mfsn.evaluation.config import EvaluateConfig
from mfsn.features.extraction.in_memory import Recording, Source, Span, groups, load_recordings
from mfsn.params import load_params, outputs_of
from mfsn.prediction.loading import Say, remake_extractors, silent
from mfsn.prediction.records import Piece, Prediction, Predictions
from mfsn.segments.config import SegmentConfig
from mfsn.training.model_record import OF_MODEL, OF_RUN, RUN, describe, doubts, read_record
from mfsn.training.results import MODEL
from mfsn.training.scoring import merit
from mfsn.training.system import get_system, make_scorer
from mfsn.workspace import find_workspace

SURE = 0.9
"""Up to this posterior, nobody takes a decision for certain."""
Said = dict[str, Any]
"""Some fields of a `Prediction` or `Piece`."""


def predict(
    recordings: Source | Iterable[Source],
    workspace: str | Path | None = None,
    model: str | Path | None = None,
    keep_going: bool = False,
    say: Say = silent,
) -> Predictions:
    """Predict the emotions of recordings, or their dimensions, by a model of an experiment.

    Args:
        recordings: one recording or several, of any length, rate and number of channels. Each is
            the path of an audio file (WAV, FLAC, AIFF, Ogg, MP3, MP4, AAC, WebM and others); a file
            that is open in binary mode; or a tuple (wave, rate in Hz), where the wave is an array
            (samples,) or (channels, samples) of floating-point numbers in [-1, 1] or of int16.
        workspace: the checkout; by default the one around the current folder.
        model: folder of a trained model below `models` of an experiment's results; by default the
            best one of the experiment in params.yaml, see `best_model`.
        keep_going: predict what can be decoded; the others are named in `failures`.
        say: takes a line about each encoder before it is loaded, which takes the longest.

    Returns:
        One `Prediction` per recording, in their order, and `to_frame()` for a pandas table.

    Raises:
        PredictionError: if there is no recording, no trained model, or its features cannot be made
            again as they were.
        AudioError: if recordings cannot be decoded; all of them are named. With `keep_going` only
            if none can be.
        ConfigError: if params.yaml, or a parameter kept with the model, is not understood.
        ModelLoadError: if an encoder cannot be loaded.
        TrainingError: if the model's weights are damaged.
        RangeError: if a feature does not fit its storage dtype.
        WorkspaceError: if no workspace is given and the current folder lies in none.

    Example:
        >>> predictions = mfsn.predict(["call.wav", (wave, 16_000)])  # doctest: +SKIP
        >>> predictions.to_frame()  # doctest: +SKIP
    """
    home = find_workspace() if workspace is None else Path(workspace)
    params = load_params(home)
    folder = Path(model) if model else best_model(outputs_of(params, home).models)
    return Predictor(folder, params.evaluate, say).predict(recordings, keep_going)


def best_model(models: Path) -> Path:
    """The folder of the model that is best on its development data.

    Best is the largest WA + UA, or of dimensions the largest mean CCC.

    Args:
        models: the output of the train stage.

    Raises:
        PredictionError: if there is no trained model, or what is kept of one is damaged.
    """
    folders = [path.parent for path in sorted(models.glob(f"*/{MODEL}"))]
    if not folders:
        raise PredictionError(f"there is no trained model in {models}; run `dvc repro` first")
    development = [read_record(folder / MODEL, {"dev"})["dev"] for folder in folders]
    scores = [merit(score) for score in development]
    return folders[scores.index(max(scores))]


class Predictor:
    """A trained model with its extractors, loaded once for any number of calls.

    Example:
        >>> folder = Path("data/results/demo/mfsn/models/1-seed0")  # doctest: +SKIP
        >>> predictor = mfsn.Predictor(folder)  # doctest: +SKIP
        >>> predictor.predict("call.wav").files[0].emotion  # doctest: +SKIP
        'sad'
    """

    def __init__(
        self, folder: Path, evaluate: EvaluateConfig | None = None, say: Say = silent
    ) -> None:
        """Load a model of the train stage.

        Args:
            folder: with model.json and its weights; run.json lies beside it.
            evaluate: how segments become a decision; by default the mean log-posterior.
            say: as in `predict`.

        Raises:
            MfsnError: as `predict`, except for errors about audio files.
        """
        self._record = read_record(folder / MODEL, OF_MODEL)
        self._run = read_record(folder.parent / RUN, OF_RUN)
        self._evaluate = evaluate or EvaluateConfig()
        self._segment = SegmentConfig.parse(self._record["segment"], where=str(folder / MODEL))
        say(f"loading {describe(self._record, self._run)}")
        extractors = remake_extractors(self._run, self._segment, say)
        self._score = make_scorer(get_system(self._record["system"]), folder, extractors)
        self.classes: tuple[str, ...] = tuple(self._record["classes"])
        """The emotions that it tells apart."""
        self.dimensions: tuple[str, ...] = tuple(self._record.get("dimensions", ()))
        """What it predicts instead of them, if it does."""

    def predict(
        self, recordings: Source | Iterable[Source], keep_going: bool = False
    ) -> Predictions:
        """Predict recordings; arguments as of `predict` of this module.

        Raises:
            MfsnError: as `predict` of this module, for what concerns audio files.
        """
        torch.set_num_threads(runtime.threads())
        loaded, failures = load_recordings(recordings, self._segment)
        if failures and not (keep_going and loaded):
            raise _unusable(failures)
        files: list[Prediction] = []
        with tqdm(total=len(loaded), desc="predict", unit="file", disable=None) as progress:
            for group in groups(loaded):
                files += self._decide(group)
                progress.update(len(group))
        warnings = [
            *doubts(self._run),
            *uncertain(files, self._record["dev"]),
            *(doubt for r in loaded for doubt in r.doubts),
        ]
        model = describe(self._record, self._run)
        return Predictions(model, tuple(warnings), tuple(files), tuple(failures))

    def _decide(self, group: Sequence[Recording]) -> list[Prediction]:
        spans = [self._score.spans(recording) for recording in group]
        read_S = self._score(group)
        recording_S = np.repeat(np.arange(len(group)), [len(own) for own in spans])
        valid_S = np.array([end - start for own in spans for start, end in own])
        said = (self._rate if self.dimensions else self._name)(read_S, recording_S, valid_S)
        piece_S = [self._scores(row) for row in (read_S if self.dimensions else np.exp(read_S))]
        return [
            Prediction(
                recording.path,
                pieces=self._pieces(
                    spans[index], [piece_S[row] for row in np.flatnonzero(recording_S == index)]
                ),
                **said[index],
            )
            for index, recording in enumerate(group)
        ]

    def _name(self, log_posterior_SC: Float64, recording_S: Int64, valid_S: Int64) -> list[Said]:
        decided = decide(log_posterior_SC, recording_S, valid_S, self._evaluate)
        rows = zip(decided.predicted_U, decided.posterior_UC, strict=True)
        return [{"emotion": self.classes[index], **self._scores(row)} for index, row in rows]

    def _rate(self, value_SD: Float64, recording_S: Int64, valid_S: Int64) -> list[Said]:
        value_UD = mean_values(value_SD, recording_S, valid_S, self._evaluate)
        return [{"emotion": None, "posteriors": {}, **self._scores(row)} for row in value_UD]

    def _scores(self, row: Float64) -> Said:
        """A row of posteriors or of values under its name in `Piece` and `Prediction`."""
        if self.dimensions:
            return {"values": dict(zip(self.dimensions, row.tolist(), strict=True))}
        return {"posteriors": dict(zip(self.classes, row.tolist(), strict=True))}

    def _pieces(self, spans: Sequence[Span], scores: Sequence[Said]) -> tuple[Piece, ...]:
        rate = self._segment.sample_rate_hz
        return tuple(
            Piece(start / rate, end / rate, **said)
            for (start, end), said in zip(spans, scores, strict=True)
        )


def uncertain(files: Sequence[Prediction], dev: Mapping[str, float]) -> Iterator[str]:
    """A warning if posteriors are nearer to 1 than the model's own record allows.

    The mean log-posterior of many segments saturates, and nothing calibrates it.

    Args:
        files: what was predicted.
        dev: the model's scores on its development data.
    """
    largest = max((max(file.posteriors.values(), default=0.0) for file in files), default=0.0)
    if largest > max(SURE, dev.get("wa", 1.0)):
        yield (
            "posteriors near 1 are not certain: they are not calibrated, and this model decided "
            f"{dev['wa']:.0%} of its development utterances rightly"
        )


def _unusable(failures: Sequence[str]) -> AudioError:
    if len(failures) == 1:
        return AudioError(failures[0])
    return AudioError(f"{len(failures)} audio files cannot be used:\n" + "\n".join(failures))
