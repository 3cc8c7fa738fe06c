"""The tables between stages: their columns, types and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mfsn.errors import ManifestError
from mfsn.manifest import (
    SEGMENTS,
    UTTERANCES,
    completed,
    predictions_schema,
    read_table,
    segment_id,
    segment_predictions_schema,
    write_table,
)


def utterances(**changes: Any) -> pd.DataFrame:
    row: dict[str, Any] = dict.fromkeys(UTTERANCES.names)
    row |= {
        "utterance_id": "u1",
        "path": "a/u1.wav",
        "audio_sha256": "0" * 64,
        "emotion": "happy",
        "duration_s": 1.5,
        "licence": "CC0",
    }
    return pd.DataFrame([row | changes])


def test_a_table_survives_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    write_table(path, utterances(speaker="01"), UTTERANCES)
    table = read_table(path, UTTERANCES)
    assert list(table.columns) == UTTERANCES.names
    assert table.loc[0, "speaker"] == "01"
    assert table["session"].isna().all()
    assert table.loc[0, "duration_s"] == 1.5


def test_a_table_of_an_earlier_version_is_read_with_the_newer_column_empty(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    write_table(path, utterances().drop(columns="soft_label"), UTTERANCES)
    written = read_table(path, UTTERANCES)
    pq.write_table(pq.read_table(path).drop_columns(["soft_label"]), path)
    assert list(read_table(path, UTTERANCES).columns) == UTTERANCES.names
    pd.testing.assert_frame_equal(read_table(path, UTTERANCES), written)
    assert written["soft_label"].isna().all()


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(tmp_path / name, utterances(), UTTERANCES)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (utterances().drop(columns="emotion"), "missing \\['emotion'\\]"),
        (utterances().assign(mood="x"), "unknown \\['mood'\\]"),
        (utterances(emotion=None), "column emotion has empty values"),
        (utterances(duration_s="long"), "the type of a column is wrong"),
        (pd.concat([utterances(), utterances()]), "1 duplicate ids, first u1"),
    ],
)
def test_what_breaks_the_schema_is_refused(
    tmp_path: Path, table: pd.DataFrame, message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        write_table(tmp_path / "m.parquet", table, UTTERANCES)
    assert not (tmp_path / "m.parquet").exists()


def test_a_missing_table_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="run `dvc repro`"):
        read_table(tmp_path / "none.parquet")


def test_something_else_than_parquet_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    path.write_text("not parquet")
    with pytest.raises(ManifestError, match="cannot be read as Parquet"):
        read_table(path)


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    write_table(path, utterances(), UTTERANCES)
    with pytest.raises(ManifestError, match="columns of this version"):
        read_table(path, SEGMENTS)


def test_prediction_tables_carry_their_classes() -> None:
    segments, utterances = (
        [name for name in schema(["b", "a"]).names if "posterior_" in name]
        for schema in (segment_predictions_schema, predictions_schema)
    )
    assert segments == ["log_posterior_b", "log_posterior_a"]
    assert utterances == ["posterior_b", "posterior_a"]


def test_several_folds_may_predict_one_utterance(tmp_path: Path) -> None:
    schema = predictions_schema(["a", "b"])
    row = {
        "utterance_id": "u1",
        "fold": "1",
        "seed": 0,
        "selection": "held_out",
        "label": "a",
        "run": "r",
        "predicted": "a",
        "posterior_a": 0.9,
        "posterior_b": 0.1,
    }
    write_table(tmp_path / "p.parquet", pd.DataFrame([row, row | {"seed": 1}]), schema)
    assert len(read_table(tmp_path / "p.parquet", schema)) == 2


def test_segment_ids() -> None:
    assert segment_id("03-01", 2) == "03-01#2"


def test_a_manifest_of_two_columns_is_completed() -> None:
    given = pd.DataFrame({"utterance_id": ["a", "b"], "emotion": ["sad", "happy"], "mood": 1})
    table = completed(given)
    assert set(table.columns) == {*UTTERANCES.names, "mood"}
    assert table["audio_sha256"].tolist() == ["a", "b"]
    assert table["speaker"].isna().all()
    assert list(given.columns) == ["utterance_id", "emotion", "mood"]
    whole = utterances()
    pd.testing.assert_frame_equal(completed(whole), whole)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (utterances().drop(columns="emotion"), "needs the emotion of every utterance"),
        (utterances(emotion=None), "needs the emotion"),
        (utterances().drop(columns="utterance_id"), "needs the utterance_id"),
        (pd.concat([utterances(), utterances()]), "the manifest: 1 duplicate ids, first u1"),
    ],
)
def test_a_manifest_that_cannot_be_completed_is_refused(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        completed(table)
