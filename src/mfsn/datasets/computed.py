"""The features of one recording that is not in a corpus, computed like cached rows."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray

from mfsn.datasets.rows import SEGMENT, UTTERANCE, dataset_of
from mfsn.features.base import Extractor
from mfsn.features.extraction.extraction import pin_threads
from mfsn.features.extraction.in_memory import Recording, extract_recordings, load_recording
from mfsn.features.registry import config_type, make_extractor
from mfsn.manifest import segment_id
from mfsn.params import load_params
from mfsn.segments.config import SegmentConfig
from mfsn.workspace import find_workspace, local_path


def extract(
    wave: npt.ArrayLike,
    rate: float,
    extractor: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    segment: SegmentConfig | None = None,
    workspace: str | Path | None = None,
    utterance_id: str = "recording",
) -> xarray.Dataset:
    """Compute the features of one recording; the values are those that cached rows would have.

    The extractor is kept for the next call with the same parameters, since an encoder takes
    seconds to load.

    Args:
        wave: (samples,) or (channels, samples): floating-point numbers in [-1, 1], or int16.
        rate: its sample rate in hertz.
        extractor: `sec`, `tec`, `spectrogram`, `mfcc` or `functionals`.
        parameters: those of the extractor, as in its section of params.yaml; by default that
            section of the workspace's params.yaml.
        segment: how the recording is cut; by default as params.yaml says, or, if `parameters` are
            given, into segments of 3 s at 16 kHz.
        workspace: the checkout whose params.yaml is read; by default the one around the current
            folder. None is needed if `parameters` are given.
        utterance_id: the name of the recording.

    Returns:
        Variables, dimensions and coordinates as those of `mfsn.open_features`, for the segments
        of this recording, but without emotion, label, speaker and session.

    Raises:
        AudioError: if the wave or its rate cannot be used.
        ConfigError: if there is no such extractor, or its parameters are not understood.
        ModelLoadError: if an encoder cannot be loaded.
        RangeError: if a value does not fit the storage dtype.
        WorkspaceError: if `parameters` are not given and there is no workspace.

    Example:
        >>> wave = numpy.zeros(40_000, "int16")
        >>> mfsn.extract(wave, 16_000, "mfcc", {})["mfcc"].shape
        (1, 300, 40)
    """
    kind = config_type(extractor)
    if parameters is None:
        params = load_params(find_workspace(None if workspace is None else Path(workspace)))
        config, segment = params.section(extractor), segment or params.segment
    else:
        config, segment = kind.parse(parameters, where=extractor), segment or SegmentConfig()
    recording = load_recording((wave, rate), segment, utterance_id)
    made = _made(extractor, config.model_dump_json(), segment, _changes(config))
    pin_threads()
    values = extract_recordings(made, [recording])
    attrs = {"extractor": extractor, "weights": made.about["weights"]}
    return dataset_of(made.arrays, values, _table(made, recording, utterance_id), segment, attrs)


@functools.lru_cache(maxsize=1)
def _made(name: str, config: str, segment: SegmentConfig, _changes: object) -> Extractor:
    parsed = config_type(name).parse(json.loads(config), where=name)
    return make_extractor(name, parsed, segment.sample_rate_hz, segment.samples, segment.reading)


def _changes(config: Any) -> tuple[tuple[str, int], ...]:
    """When the files of a local encoder were last written, since training may overwrite them."""
    folder = local_path(config.model) if hasattr(config, "model") else None
    if folder is None or not folder.is_dir():
        return ()
    return tuple((path.name, path.stat().st_mtime_ns) for path in sorted(folder.iterdir()))


def _table(made: Extractor, recording: Recording, utterance_id: str) -> pd.DataFrame:
    """One line per row: the recording, or its segments."""
    if made.scope == "utterance":
        return pd.DataFrame({UTTERANCE: [utterance_id]})
    count = len(recording.valid_S)
    return pd.DataFrame(
        {
            SEGMENT: [segment_id(utterance_id, index) for index in range(count)],
            UTTERANCE: utterance_id,
            "index": np.arange(count),
            "start_sample": [start for start, _ in recording.segments],
            "valid_samples": recording.valid_S,
        }
    )
