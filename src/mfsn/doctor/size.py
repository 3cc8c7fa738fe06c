"""The size of the corpus: counted if it is prepared, else estimated from headers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mfsn.audio import decoding as audio
from mfsn.corpora.base import MakingReader, get_reader
from mfsn.corpora.config import CorpusConfig
from mfsn.corpora.preparing.scan import no_corpus
from mfsn.corpora.preparing.survey import no_utterances
from mfsn.errors import AudioError, ManifestError
from mfsn.features.extraction.items import Transcripts, transcripts_of
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.params import Params
from mfsn.segments.config import SegmentConfig
from mfsn.workspace import Outputs, corpus_root, recording

PROBED = 200
"""About how many headers are read to estimate the size of a corpus that is not prepared."""


@dataclass(frozen=True)
class Size:
    """The size of a corpus."""

    utterances: int
    segments: int
    duration_s: float
    source: str
    """Where the numbers come from, in words."""
    table: pd.DataFrame | None
    """The segment table, if there is one that fits the parameters."""
    example: Path | None
    """A recording with which decoding can be measured."""
    transcripts: Transcripts | None = None
    """What is said, if there is a manifest."""


def corpus_size(params: Params, outputs: Outputs) -> Size:
    """Count the corpus if it is prepared, else estimate its size.

    Raises:
        CorpusError: if there is no corpus, or its reader cannot understand the folder.
    """
    root = corpus_root(params.corpus.name)
    try:
        manifest = read_table(outputs.manifest, UTTERANCES)
    except ManifestError:
        return _probed_all(params)
    durations = manifest["duration_s"].to_numpy()
    files = (recording(root, path) for path in manifest["path"])
    example = next((file for file in files if file.is_file()), None)
    table = _segment_table(outputs, params.segment)
    count = len(table) if table is not None else _segments(durations, params.segment)
    source = "segment table" if table is not None else "manifest"
    duration_s, said = float(durations.sum()), transcripts_of(manifest)
    return Size(len(manifest), count, duration_s, source, table, example, said)


def _segment_table(outputs: Outputs, segment: SegmentConfig) -> pd.DataFrame | None:
    """The segment table; None if it is missing or was cut with other parameters."""
    try:
        table = read_table(outputs.segments, SEGMENTS)
    except ManifestError:
        return None
    is_free = segment.tail == "overlap"
    on_grid = is_free or (table["start_sample"] % segment.samples == 0).all()
    return table if on_grid and (table["valid_samples"] <= segment.samples).all() else None


def _probed_all(params: Params) -> Size:
    """The sum over all corpora that are read."""
    sizes = [_probed(corpus, params.segment) for corpus in params.corpus.members]
    return Size(
        utterances=sum(size.utterances for size in sizes),
        segments=sum(size.segments for size in sizes),
        duration_s=sum(size.duration_s for size in sizes),
        source="; ".join(size.source for size in sizes),
        table=None,
        example=next((size.example for size in sizes if size.example), None),
    )


def _probed(corpus: CorpusConfig, segment: SegmentConfig) -> Size:
    root, reader = corpus_root(corpus.name), get_reader(corpus.reader)
    files = reader.files(root) if root.is_dir() else []
    if not files:
        return _planned(corpus, segment, root)
    paths = [root / utterance.path for utterance in reader.utterances(root, files)]
    if not paths:
        raise no_utterances(corpus, root)
    chosen = paths[:: max(1, len(paths) // PROBED)]
    durations = []
    for path in chosen:
        try:
            durations.append(audio.probe(path).duration_s)
        except AudioError:  # `mfsn corpus check` reports such files
            continue
    share = len(paths) / max(len(durations), 1)
    segments = round(_segments(durations, segment) * share)
    source = f"{len(durations)} headers; utterances of all labels are counted"
    return Size(len(paths), segments, sum(durations) * share, source, None, chosen[0])


def _planned(corpus: CorpusConfig, segment: SegmentConfig, root: Path) -> Size:
    """The size of a corpus that the first run makes; an error for any other corpus."""
    reader = get_reader(corpus.reader)
    if not isinstance(reader, MakingReader):
        raise no_corpus(corpus, root)
    count, duration_s = reader.planned()
    # On average, the last segment of an utterance is half full.
    segments = round(duration_s / segment.duration_s + count / 2)
    source = f"the plan of the {corpus.name}; the first run makes it"
    return Size(count, segments, duration_s, source, None, None)


def _segments(durations: Iterable[float], segment: SegmentConfig) -> int:
    return sum(max(1, math.ceil(duration / segment.duration_s)) for duration in durations)
