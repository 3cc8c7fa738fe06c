"""`mfsn.load_manifest` and `mfsn.load_predictions`: tables with what their docstrings promise."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import mfsn
from mfsn.errors import ManifestError, WorkspaceError

CLASSES = ("angry", "happy", "neutral", "sad")


def promised(function: object) -> list[str]:
    """The columns that a docstring lists: the names before the colon of each item."""
    items = re.findall(r"^ +- (.*?):", function.__doc__ or "", re.MULTILINE)
    return [name for item in items for name in re.findall(r"`(\w+)`", item)]


def test_the_manifest_has_the_columns_that_are_documented(in_demo: Path) -> None:
    table = mfsn.load_manifest()
    assert len(table) == 48
    assert sorted(table.columns) == sorted(promised(mfsn.load_manifest))
    assert table["utterance_id"].is_unique
    assert table["duration_s"].dtype == np.float64
    assert set(table["emotion"]) == set(CLASSES)
    assert table["soft_label"].isna().all()


def test_a_manifest_is_found_by_checkout_and_by_path(
    in_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = mfsn.load_manifest()
    monkeypatch.chdir(tmp_path)
    path = shutil.copy(in_demo / "data/prepared/demo/manifest.parquet", tmp_path / "other.parquet")
    for found in (mfsn.load_manifest(in_demo), mfsn.load_manifest(str(path))):
        pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(WorkspaceError, match="is not in a checkout"):
        mfsn.load_manifest()
    with pytest.raises(ManifestError, match=r"none\.parquet is missing"):
        mfsn.load_manifest(tmp_path / "none.parquet")


def test_predictions_are_those_that_the_stage_wrote(in_demo: Path) -> None:
    table = mfsn.load_predictions()
    path = in_demo / "data/results/demo/first/predictions.parquet"
    assert table.to_dict("list") == pq.read_table(path).to_pydict()
    posteriors = table[[f"posterior_{name}" for name in CLASSES]]
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert table["seed"].dtype == np.int64
    assert sorted(table["utterance_id"]) == sorted(mfsn.load_manifest()["utterance_id"])


def test_predictions_of_segments(in_demo: Path) -> None:
    table = mfsn.load_predictions(segments=True)
    assert {"segment_id", "utterance_id", "valid_samples", "log_posterior_sad"} <= set(table)


def test_another_experiment_can_be_named(in_demo: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(in_demo, tmp_path / "copy", symlinks=True)
    results = copy / "data/results/demo"
    shutil.copytree(results / "first", results / "second")
    found = mfsn.load_predictions("second", "demo", copy)
    pd.testing.assert_frame_equal(found, mfsn.load_predictions())


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"experiment": "third"}, "demo has no predictions of experiment third; .* first"),
        ({"corpus": "emodb"}, "emodb has no predictions of experiment first; run `dvc repro`"),
    ],
)
def test_predictions_that_are_not_there_are_named(
    in_demo: Path, named: dict[str, str], says: str
) -> None:
    with pytest.raises(ManifestError, match=says):
        mfsn.load_predictions(**named)  # type: ignore[arg-type]
