"""Everything that is cached about one utterance, gathered for its picture."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mfsn.cache.reader import FeatureReader
from mfsn.corpora.config import SegmentConfig
from mfsn.errors import ManifestError
from mfsn.evaluation.predictions import LOG_POSTERIOR, POSTERIOR
from mfsn.features.waveform import read_utterance, waveform_store
from mfsn.manifest import SEGMENTS, UTTERANCES, classes_of, read_table
from mfsn.params import Params, outputs_of
from mfsn.workspace import store_root

Array = npt.NDArray[Any]
CLOSE_MATCHES = 3
SHOWN = ("utterance_id", "emotion", "speaker", "transcript")


@dataclass(frozen=True)
class Utterance:
    """One utterance: what the manifest says, its cached features, and what was decided.

    Shapes: S segments, C classes.
    """

    facts: dict[str, str]
    """What the manifest says, by the names in `SHOWN`; empty where it says nothing."""
    wave: npt.NDArray[np.float32]
    """Samples without padding, full scale 1."""
    segment: SegmentConfig
    spectrogram_db: Array
    """Absolute level in dB, (S, frames, bins)."""
    bin_hz: float
    """Distance of two bins."""
    mfcc: Array
    """(S, frames, coefficients)."""
    activity: dict[str, Array]
    """`SEC low` and so on to how far each frame lies from the utterance's mean frame, (S, frames).
    (Not its norm: encoder layers end in LayerNorm, which makes all norms alike.)"""
    classes: list[str]
    """Empty where nothing was predicted."""
    posterior_C: Array
    """Mean over seeds."""
    segment_posterior_SC: Array
    """Mean over seeds; one row where the system decides whole utterances at once."""
    seeds: int


def gather(workspace: Path, params: Params, utterance_id: str) -> Utterance:
    """Gather an utterance from the tables and the store.

    Args:
        workspace: the checkout.
        params: its parameters.
        utterance_id: as in the manifest.

    Raises:
        ManifestError: if there is no such utterance (close ones are named), or a table is missing.
        CacheError: if a digest is missing or the store lacks or has damaged rows.
    """
    outputs, store = outputs_of(params, workspace), store_root()
    facts = _find(read_table(outputs.manifest, UTTERANCES), utterance_id)
    table = read_table(outputs.segments, SEGMENTS)
    segments = table[table["utterance_id"] == utterance_id].sort_values("index")
    rows = {
        name: FeatureReader.open(outputs.digest(name), store).read(list(segments["segment_id"]))
        for name in ("spectrogram", "mfcc", "sec", "tec")
    }
    real_S = segments["valid_samples"].to_numpy() / params.segment.samples
    decided = _rows_of(outputs.predictions, utterance_id, params.selection.rule)
    pieces = _rows_of(outputs.segment_predictions, utterance_id, params.selection.rule)
    return Utterance(
        facts=facts,
        wave=read_utterance(waveform_store(params.segment, store), segments),
        segment=params.segment,
        spectrogram_db=rows["spectrogram"]["level_db"].astype(np.float32),
        bin_hz=params.segment.sample_rate_hz / params.spectrogram.n_fft,
        mfcc=rows["mfcc"]["mfcc"].astype(np.float32),
        activity={
            f"{encoder.upper()} {level}": _activity(values, real_S)
            for encoder in ("sec", "tec")
            for level, values in rows[encoder].items()
        },
        classes=classes_of(list(decided.columns), POSTERIOR) if len(decided) else [],
        posterior_C=_values(decided, POSTERIOR).mean(axis=0) if len(decided) else np.empty(0),
        segment_posterior_SC=_mean_by_segment(pieces),
        seeds=len(decided),
    )


def _activity(values_STD: Array, real_S: Array) -> Array:
    """Distance of each frame from the mean over the frames of real audio."""
    frames = values_STD.astype(np.float32)
    count = frames.shape[1]
    is_real_ST = np.arange(count) < np.ceil(real_S[:, None] * count)
    distance_ST: Array = np.linalg.norm(frames - frames[is_real_ST].mean(axis=0), axis=-1)
    return distance_ST


def _find(manifest: pd.DataFrame, utterance_id: str) -> dict[str, str]:
    found = manifest[manifest["utterance_id"] == utterance_id]
    if found.empty:
        close = difflib.get_close_matches(
            utterance_id, list(manifest["utterance_id"]), CLOSE_MATCHES, cutoff=0.3
        )
        hint = f"close ones are {', '.join(close)}" if close else "manifest.parquet lists them"
        raise ManifestError(f"the corpus has no utterance {utterance_id}; {hint}")
    values = found[list(SHOWN)].to_numpy(object)[0]
    return {name: "" if pd.isna(v) else str(v) for name, v in zip(SHOWN, values, strict=True)}


def _rows_of(path: Path, utterance_id: str, rule: str) -> pd.DataFrame:
    """What was predicted for an utterance; empty where nothing was, or nothing has run yet."""
    if not path.is_file():
        return pd.DataFrame()
    table = read_table(path)
    return table[(table["utterance_id"] == utterance_id) & (table["selection"] == rule)]


def _values(rows: pd.DataFrame, prefix: str) -> Array:
    return rows[[prefix + name for name in classes_of(list(rows.columns), prefix)]].to_numpy()


def _mean_by_segment(rows: pd.DataFrame) -> Array:
    if rows.empty:
        return np.empty((0, 0))
    # Segment ids end in their number: #10 follows #9.
    number = rows["segment_id"].str.rpartition("#")[2].str.zfill(9).to_numpy()
    posteriors = np.exp(_values(rows, LOG_POSTERIOR))
    return np.stack([posteriors[number == n].mean(axis=0) for n in sorted(set(number))])
