"""Everything that `mfsn inspect` reads, opened once for any number of utterances."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mfsn.errors import CacheError, ManifestError
from mfsn.manifest import (
    SEGMENTS,
    UTTERANCES,
    predictions_schema,
    read_table,
    segment_predictions_schema,
)
from mfsn.params import Params, outputs_of
from mfsn.report.utterance.decision import Decision, decision_of, mean_by_segment
from mfsn.report.utterance.rating import Rating, rating_of
from mfsn.segments.waves import waveform_store
from mfsn.store.reader import FeatureReader
from mfsn.store.store import Store
from mfsn.workspace import Outputs, store_root

EXTRACTORS = ("spectrogram", "mfcc", "sec", "tec")
CLOSE_MATCHES = 3
NOWHERE = np.empty(0, np.intp)
WHOLE = "#all"
"""The end of a segment id that stands for a whole utterance (systems without segments)."""


@dataclass(frozen=True)
class Source:
    """The tables and features of one corpus and experiment; made by `open_source`."""

    params: Params
    outputs: Outputs
    manifest: pd.DataFrame
    segments: pd.DataFrame
    waves: Store
    readers: Mapping[str, FeatureReader]
    """The rows of each extractor, except those that have not run or are in `troubles`."""
    troubles: Mapping[str, str]
    """The reason why the rows of an extractor cannot be read; the others are shown all the same."""
    predictions: pd.DataFrame
    """Predictions under the chosen selection rule; empty before the first evaluation."""
    segment_predictions: pd.DataFrame

    @property
    def missing(self) -> list[str]:
        """The extractors that have no rows here."""
        return [name for name in EXTRACTORS if name not in self.readers]

    @property
    def classes(self) -> list[str]:
        """Class names in the order of the class indices."""
        return self.params.labels.classes

    def facts_of(self, utterance_id: str) -> pd.Series:
        """The utterance's row of the manifest.

        Raises:
            ManifestError: if there is no such utterance; the message names similar ids.
        """
        found = self.manifest[self.manifest["utterance_id"] == utterance_id]
        if found.empty:
            ids = list(self.manifest["utterance_id"])
            close = difflib.get_close_matches(utterance_id, ids, CLOSE_MATCHES, cutoff=0.3)
            hint = f"similar ids are {', '.join(close)}" if close else "manifest.parquet lists all"
            raise ManifestError(f"the corpus has no utterance {utterance_id}; {hint}")
        return found.iloc[0]

    def segments_of(self, utterance_id: str) -> pd.DataFrame:
        """The utterance's rows of the segment table, in order.

        Raises:
            ManifestError: if there are none.
        """
        places = self._segment_places.get(utterance_id)
        if places is None:
            raise ManifestError(
                f"{self.outputs.segments} has no segments of {utterance_id}; run `dvc repro`"
            )
        return self.segments.iloc[places].sort_values("index")

    @property
    def dimensions(self) -> list[str]:
        """The dimensions that are predicted; empty if classes are predicted."""
        return self.params.labels.rated

    def decision_of(self, utterance_id: str) -> Decision | None:
        """The decision for the utterance; None if there is none."""
        rows = self._predictions_of(utterance_id)
        return None if self.dimensions else decision_of(rows, self.classes)

    def rating_of(self, utterance_id: str) -> Rating | None:
        """The predicted values of the utterance; None if there are none."""
        rows, of_segments = self._predictions_of(utterance_id), self._of_segments(utterance_id)
        return rating_of(rows, of_segments, self.dimensions)

    def segment_posteriors_of(self, utterance_id: str) -> npt.NDArray[np.float64]:
        """The posteriors of the utterance's segments, (S, classes), as the mean over seeds.

        S is 0 if nothing was predicted, or if the system reads whole utterances at once.
        """
        if self.dimensions:
            return np.empty((0, len(self.classes)))
        return mean_by_segment(self._of_segments(utterance_id), self.classes)

    def _of_segments(self, utterance_id: str) -> pd.DataFrame:
        places = self._segment_prediction_places.get(utterance_id, NOWHERE)
        rows = self.segment_predictions.iloc[places]
        return rows[~rows["segment_id"].str.endswith(WHOLE)]

    def _predictions_of(self, utterance_id: str) -> pd.DataFrame:
        return self.predictions.iloc[self._prediction_places.get(utterance_id, NOWHERE)]

    @cached_property
    def _segment_places(self) -> Mapping[str, npt.NDArray[np.intp]]:
        return _places(self.segments)

    @cached_property
    def _prediction_places(self) -> Mapping[str, npt.NDArray[np.intp]]:
        return _places(self.predictions)

    @cached_property
    def _segment_prediction_places(self) -> Mapping[str, npt.NDArray[np.intp]]:
        return _places(self.segment_predictions)


def open_source(workspace: Path, params: Params) -> Source:
    """Open the tables, the features and, if there are any, the predictions.

    Args:
        workspace: the checkout.
        params: its parameters, which name the corpus and the experiment.

    Raises:
        ManifestError: if the corpus is not prepared, or a table does not follow its schema.
    """
    outputs, store = outputs_of(params, workspace), store_root()
    target = params.labels.classes, params.labels.rated
    manifest = read_table(outputs.manifest, UTTERANCES)
    readers, troubles = _open_readers(outputs, store)
    rule = params.selection.rule
    return Source(
        params=params,
        outputs=outputs,
        manifest=manifest,
        segments=read_table(outputs.segments, SEGMENTS),
        waves=waveform_store(params.segment, store),
        readers=readers,
        troubles=troubles,
        predictions=_rows_of(outputs.predictions, predictions_schema(*target), rule),
        segment_predictions=_rows_of(
            outputs.segment_predictions, segment_predictions_schema(*target), rule
        ),
    )


def _open_readers(outputs: Outputs, store: Path) -> tuple[dict[str, FeatureReader], dict[str, str]]:
    readers, troubles = {}, {}
    for name in EXTRACTORS:
        if name in outputs.extracted:
            try:
                readers[name] = FeatureReader.open(outputs.digest(name), store)
            except CacheError as error:
                troubles[name] = str(error)
    return readers, troubles


def _rows_of(path: Path, schema: pa.Schema, rule: str) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=schema.names)
    table = read_table(path, schema)
    return table[table["selection"] == rule]


def _places(table: pd.DataFrame) -> Mapping[str, npt.NDArray[np.intp]]:
    """For each utterance id, the positions of its rows."""
    indices = table.groupby("utterance_id").indices
    return {str(name): np.asarray(places, np.intp) for name, places in indices.items()}
