"""The tables between stages: utterances, segments and predictions.

Later stages know these tables and never a corpus. The tables are Parquet files. Their columns and
types are fixed here; they are checked when a table is written and when it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mfsn.base.files import replacing
from mfsn.errors import ManifestError

UTTERANCES = pa.schema(
    [
        pa.field("utterance_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),  # relative to the corpus root, with /
        pa.field("audio_sha256", pa.string(), nullable=False),
        pa.field("speaker", pa.string()),
        pa.field("session", pa.string()),
        pa.field("gender", pa.string()),  # "female", "male" or null
        pa.field("emotion", pa.string(), nullable=False),
        pa.field("valence", pa.float64()),
        pa.field("arousal", pa.float64()),
        pa.field("dominance", pa.float64()),
        pa.field("transcript", pa.string()),
        pa.field("split", pa.string()),  # the official one: "train", "dev", "test" or null
        pa.field("congruent", pa.bool_()),  # demo only: whether words and prosody agree
        pa.field("duration_s", pa.float64(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        # Where raters did not agree on an emotion: JSON, class to share of their votes. Such an
        # utterance may be trained on and is never scored.
        pa.field("soft_label", pa.string()),
        # How the recording becomes a wave: a code of mfsn.audio.decoding; 1 where it is empty.
        pa.field("decoding", pa.int64()),
        # Where several recordings have the same samples: the id of the first of them, in each.
        pa.field("same_as", pa.string()),
    ]
)

_DAMAGE = (pa.ArrowException, OSError, ValueError, TypeError, LookupError, MemoryError)
"""What the reader of Parquet raises where bits are flipped."""

LATER = ("soft_label", "decoding", "same_as")
"""Columns that are newer than the first version. In a table without them they are empty."""

SEGMENTS = pa.schema(
    [
        pa.field("segment_id", pa.string(), nullable=False),  # "<utterance_id>#<index>"
        pa.field("utterance_id", pa.string(), nullable=False),
        pa.field("index", pa.int64(), nullable=False),  # position within the utterance, from 0
        pa.field("start_sample", pa.int64(), nullable=False),  # at the segment sample rate
        pa.field("valid_samples", pa.int64(), nullable=False),  # the rest is padding at the end
        pa.field("clipped_samples", pa.int64(), nullable=False),  # clipped to the int16 range
        # What rows are named after, of the audio file: see mfsn.segments.waves.content_of.
        pa.field("audio_sha256", pa.string(), nullable=False),
        pa.field("row_key", pa.string(), nullable=False),  # of the waveform row in the store
    ]
)

PREDICTION_KEYS = (
    pa.field("fold", pa.string(), nullable=False),
    pa.field("seed", pa.int64(), nullable=False),
    pa.field("selection", pa.string(), nullable=False),  # held_out, oracle_test or last_epoch
    pa.field("label", pa.string(), nullable=False),
    pa.field("run", pa.string(), nullable=False),  # identity: hash of configuration and data
)

LABEL, PREDICTED, MEAN = "label_", "predicted_", "mean_"
"""What stands before the name of a dimension in tables of predicted values: the rating, the
prediction, and the mean rating of the data that the fold's model was trained on. A model that
learns nothing would predict this mean."""


def segment_predictions_schema(classes: Sequence[str], dimensions: Sequence[str] = ()) -> pa.Schema:
    """Columns of the segment prediction table: keys, then one log-posterior per class.

    Where dimensions are predicted, there are three columns per dimension instead (`LABEL`,
    `PREDICTED` and `MEAN`), in the unit of the corpus's ratings. `label` is the emotion here too.
    """
    posteriors = [] if dimensions else [f"log_posterior_{name}" for name in classes]
    return pa.schema(
        [
            pa.field("segment_id", pa.string(), nullable=False),
            pa.field("utterance_id", pa.string(), nullable=False),
            pa.field("valid_samples", pa.int64(), nullable=False),
            *PREDICTION_KEYS,
            *_numbers([*posteriors, *_values(dimensions)]),
        ]
    )


def predictions_schema(classes: Sequence[str], dimensions: Sequence[str] = ()) -> pa.Schema:
    """Columns of the utterance prediction table: keys, the decision, one posterior per class.

    Where dimensions are predicted, there are keys and three columns per dimension instead.
    """
    posteriors = [f"posterior_{name}" for name in classes]
    decided = [pa.field("predicted", pa.string(), nullable=False), *_numbers(posteriors)]
    return pa.schema(
        [
            pa.field("utterance_id", pa.string(), nullable=False),
            *PREDICTION_KEYS,
            *(_numbers(_values(dimensions)) if dimensions else decided),
        ]
    )


def value_columns(kind: str, dimensions: Sequence[str]) -> list[str]:
    """The columns of one kind: `LABEL`, `PREDICTED` or `MEAN`, in the order of the dimensions."""
    return [kind + name for name in dimensions]


def segment_id(utterance_id: str, index: int) -> str:
    """The id of the segment at a position in an utterance."""
    return f"{utterance_id}#{index}"


def scored(utterances: pd.DataFrame) -> pd.DataFrame:
    """The utterances that may be tested, which are those whose raters agreed on the emotion.

    Args:
        utterances: a table that follows `UTTERANCES`.
    """
    return utterances[utterances["soft_label"].isna()]


def sounds(utterances: pd.DataFrame) -> pd.Series[str]:
    """What is equal for utterances with the same sound: `same_as`, else the sha256 of the audio.

    Args:
        utterances: a table that follows `UTTERANCES`.
    """
    return utterances["same_as"].astype(object).fillna(utterances["audio_sha256"])


def completed(utterances: pd.DataFrame) -> pd.DataFrame:
    """A manifest with all columns of `UTTERANCES`; those that were missing are empty.

    Args:
        utterances: one row per utterance, with at least `utterance_id` and `emotion`. Where
            `audio_sha256` is missing, all utterances count as different audio.

    Raises:
        ManifestError: if one of these two columns is missing or has empty values, or if an
            utterance id is there twice.
    """
    missing = [name for name in UTTERANCES.names if name not in utterances]
    for name in ("utterance_id", "emotion"):
        if name in missing or utterances[name].isna().any():
            raise ManifestError(f"the manifest needs the {name} of every utterance; add it")
    _refuse_duplicates(utterances["utterance_id"], "the manifest")
    added: dict[str, Any] = dict.fromkeys(missing)
    if "audio_sha256" in missing:
        added["audio_sha256"] = utterances["utterance_id"]
    return utterances.assign(**added)


def write_table(path: Path, table: pd.DataFrame, schema: pa.Schema) -> None:
    """Write a table as Parquet, in the order given. The file appears whole or not at all.

    Raises:
        ManifestError: if a column is missing or unknown, holds another type, or is empty where a
            value is required; if an id is there twice in a table of utterances or segments.
    """
    arrow = _conform(table, schema, path)
    with replacing(path) as temporary:
        pq.write_table(
            arrow, temporary, compression="zstd", store_schema=False, write_page_checksum=True
        )


def read_table(path: Path, schema: pa.Schema | None = None) -> pd.DataFrame:
    """Read a table that `write_table` wrote. Text is str, or missing (`isna()`) where unknown.

    Args:
        path: of the Parquet file.
        schema: the columns that it must have; any by default.

    Raises:
        ManifestError: if the file is missing, is not Parquet, or does not follow `schema`.
    """
    if not path.is_file():
        raise ManifestError(f"{path} is missing; run `dvc repro` to create it")
    try:
        arrow = pq.read_table(path, page_checksum_verification=True)
        table: pd.DataFrame = arrow.to_pandas()
    except _DAMAGE as error:
        raise ManifestError(f"{path} cannot be read as Parquet ({error}); delete it and run "
                            "`dvc repro`") from error  # fmt: skip
    if schema is not None:
        arrow = with_later(arrow, schema)
    if schema is not None and not arrow.schema.equals(schema):
        differing = sorted(set(arrow.schema.names) ^ set(schema.names))
        raise ManifestError(
            f"{path} does not have the columns of this version of mfsn "
            f"(differing: {', '.join(differing) or 'types'}); run `dvc repro`"
        )
    return table if schema is None else arrow.to_pandas()


def _values(dimensions: Sequence[str]) -> list[str]:
    return [kind + name for kind in (LABEL, PREDICTED, MEAN) for name in dimensions]


def _numbers(names: Sequence[str]) -> list[pa.Field]:
    return [pa.field(name, pa.float64(), nullable=False) for name in names]


def with_later(arrow: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with those columns of a schema that are in `LATER`; new ones are empty."""
    for name in LATER:
        if name in schema.names and name not in arrow.column_names:
            field = schema.field(name)
            place = min(schema.names.index(name), arrow.num_columns)
            arrow = arrow.add_column(place, field, pa.nulls(len(arrow), field.type))
    return arrow


def _conform(table: pd.DataFrame, schema: pa.Schema, path: Path) -> pa.Table:
    lacked = [name for name in LATER if name in schema.names and name not in table.columns]
    table = table.assign(**dict.fromkeys(lacked))
    missing = [name for name in schema.names if name not in table.columns]
    unknown = [name for name in table.columns if name not in schema.names]
    if missing or unknown:
        raise ManifestError(f"{path}: columns missing {missing}, columns unknown {unknown}")
    for field in schema:
        if not field.nullable and table[field.name].isna().any():
            raise ManifestError(f"{path}: column {field.name} has empty values")
    try:
        arrow = pa.Table.from_pandas(
            table[schema.names], schema=schema, preserve_index=False
        ).replace_schema_metadata(None)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ManifestError(f"{path}: the type of a column is wrong: {error}") from None
    if schema.names[0] in ("utterance_id", "segment_id") and "selection" not in schema.names:
        _refuse_duplicates(table[schema.names[0]], path)
    return arrow


def _refuse_duplicates(ids: pd.Series, where: object) -> None:
    duplicates = sorted(set(ids[ids.duplicated()]))
    if duplicates:
        raise ManifestError(
            f"{where}: {len(duplicates)} duplicate ids, first {', '.join(duplicates[:5])}; "
            "give every utterance an id of its own"
        )
