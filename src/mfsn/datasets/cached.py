"""Cached features of a corpus as an xarray.Dataset; rows are read when they are needed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray

from mfsn.datasets.rows import SEGMENT, UTTERANCE, dataset_of, lazily
from mfsn.errors import CacheError, CorpusError, ManifestError
from mfsn.manifest import SEGMENTS, UTTERANCES, read_table
from mfsn.segments.config import SegmentConfig
from mfsn.store.reader import FeatureReader
from mfsn.workspace import Outputs, find_workspace, store_root

CLOSE_MATCHES = 3

Names = str | Sequence[str] | None


def open_features(
    corpus: str,
    extractor: str,
    workspace: str | Path | None = None,
    *,
    utterance_id: Names = None,
    segment_id: Names = None,
    speaker: Names = None,
    session: Names = None,
    emotion: Names = None,
) -> xarray.Dataset:
    """Open the cached features of a prepared corpus; no row is read yet.

    Rows are read from the store when their values are asked for, and only the rows that have been
    selected by then. `.load()` reads them once and keeps them in memory.

    Args:
        corpus: name of a corpus that the pipeline has prepared, such as `demo`.
        extractor: `sec`, `tec`, `spectrogram`, `mfcc` or `functionals`.
        workspace: the checkout; by default the one around the current folder.
        utterance_id: only the rows of this utterance, or of these.
        segment_id: only this segment, or these: utterance id, `#`, and a number from 0.
        speaker: only the rows of this speaker, or of these.
        session: only the rows of this session, or of these.
        emotion: only the rows of this emotion, or of these.

    Returns:
        One variable per array of the extractor (one per level of an encoder), in its storage dtype.
        Its first dimension is `segment_id`, or `utterance_id` if the extractor has one row per
        utterance; the others are those of the extractor, such as `frame` and `feature`. Rows are
        in the order of the corpus. The coordinates along the first dimension are

        - `segment_id`, `utterance_id` (str);
        - `index` (int64): the place of the segment in its utterance, from 0;
        - `start_s` (float64): where the segment begins in its utterance, in seconds;
        - `valid_samples` (int64): samples of real audio; the rest is padding;
        - `valid_frames` (int64): frames that contain real audio, if there are frames;
        - `emotion`, `speaker`, `session` (str): empty where unknown;
        - `label` (int64): index of the emotion in `attrs["classes"]`.

        Rows of whole utterances have only the coordinates of an utterance. `attrs` also holds
        `corpus`, `extractor` and `weights` ("pretrained", "random weights" or "none").

    Raises:
        WorkspaceError: if the current folder does not lie in a checkout and none is given.
        CorpusError: if the corpus is not prepared; the message names those that are.
        CacheError: if the corpus has no such features (the message names those that it has), the
            store cannot be read, or segments are asked for and rows are of utterances.
        MissingRowError: if the store lacks rows that the digest names, now or when values are read.
        DamagedRowError: when values are read, if a row does not match its checksum.
        ManifestError: if a table cannot be read, or there is no row with a name that is asked for;
            the message lists similar names.

    Example:
        >>> angry = mfsn.open_features("demo", "sec", emotion="angry")  # doctest: +SKIP
        >>> angry["high"].sel(segment_id="v01-angry-sad-long-2#0").shape  # doctest: +SKIP
        (149, 48)
    """
    checkout = find_workspace(None if workspace is None else Path(workspace))
    outputs = Outputs(checkout, corpus, "")
    _refuse_unknown(outputs, extractor)
    reader = FeatureReader.open(outputs.digest(extractor), store_root(checkout))
    table, classes = _table(outputs, reader)
    wanted = {UTTERANCE: utterance_id, SEGMENT: segment_id, "speaker": speaker,
              "session": session, "emotion": emotion}  # fmt: skip
    table = _chosen(table, wanted, f"{extractor} of {corpus}")
    row = SEGMENT if SEGMENT in table else UTTERANCE
    return dataset_of(
        reader.digest.arrays,
        lazily(reader, table[row].tolist()),
        table,
        _segment(reader),
        {"corpus": corpus, "extractor": extractor, "classes": classes,
         "weights": reader.digest.about.get("weights", "none")},
    )  # fmt: skip


def _refuse_unknown(outputs: Outputs, extractor: str) -> None:
    if not outputs.manifest.is_file():
        prepared = outputs.prepared.parent.glob("*/manifest.parquet")
        there = ", ".join(sorted(path.parent.name for path in prepared))
        raise CorpusError(
            f"corpus {outputs.corpus} is not prepared in {outputs.workspace}; "
            f"{f'prepared are {there}' if there else 'run `dvc repro` first'}"
        )
    if extractor not in outputs.extracted:
        there = ", ".join(outputs.extracted)
        raise CacheError(
            f"corpus {outputs.corpus} has no features {extractor}; "
            f"{f'there are {there}' if there else 'run `dvc repro` to extract them'}"
        )


def _table(outputs: Outputs, reader: FeatureReader) -> tuple[pd.DataFrame, list[str]]:
    """One line per row, in the order of the corpus, and the emotions in alphabetical order."""
    manifest = read_table(outputs.manifest, UTTERANCES)
    emotions = pd.Categorical(manifest["emotion"])
    table = manifest[[UTTERANCE, "emotion", "speaker", "session"]].assign(
        label=emotions.codes.astype(np.int64)
    )
    segments = read_table(outputs.segments, SEGMENTS)
    if set(segments[SEGMENT]).issuperset(reader.ids):
        facts = segments[[SEGMENT, UTTERANCE, "index", "start_sample", "valid_samples"]]
        table = facts.merge(table, on=UTTERANCE, how="left", validate="many_to_one")
    return table, emotions.categories.tolist()


def _segment(reader: FeatureReader) -> SegmentConfig:
    return SegmentConfig.of_recipe(reader.digest.recipe.get("segment", {}))


def _chosen(table: pd.DataFrame, wanted: Mapping[str, Names], what: str) -> pd.DataFrame:
    kept = np.ones(len(table), bool)
    for column, names in wanted.items():
        if names is not None:
            asked = [names] if isinstance(names, str) else list(names)
            _refuse_unknown_names(table, column, asked, what)
            kept &= table[column].isin(asked).to_numpy()
    return table[kept]


def _refuse_unknown_names(
    table: pd.DataFrame, column: str, asked: Sequence[str], what: str
) -> None:
    if column not in table:
        raise CacheError(f"{what} has one row per utterance and no segments; use utterance_id")
    known = set(table[column].dropna())
    for name in asked:
        if name not in known:
            raise ManifestError(f"{what} has no {column} {name}; {_close(name, known)}")


def _close(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), CLOSE_MATCHES, cutoff=0.3)
    return f"close ones are {', '.join(close)}" if close else "look at `mfsn.load_manifest()`"
