"""`mfsn inspect` where the experiment predicts dimensions: values are shown, none is a mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from mfsn import cli
from mfsn.manifest import predictions_schema, read_table, segment_predictions_schema, write_table
from mfsn.params import load_params
from mfsn.report.browser.detail import detail
from mfsn.report.browser.overview import notes, overview
from mfsn.report.utterance.source import Source, open_source
from mfsn.report.utterance.utterance import gather
from mfsn.workspace import Outputs

NAME = "one/clip2"
NAMES = ["valence", "arousal"]
VALUES = (("held_out", 0, 3.0), ("held_out", 1, 2.0), ("last_epoch", 0, 9.0))
"""Rule, seed and predicted valence; arousal is 1 less."""


@pytest.fixture(autouse=True)
def _rated(outputs: Outputs, tmp_path: Path) -> None:
    """Parameters and predictions of dimensions, of one utterance."""
    values = yaml.safe_load((tmp_path / "params.yaml").read_text("utf-8"))
    values["labels"] |= {"target": "dimensions", "dimensions": NAMES}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
    records: list[dict[str, Any]] = [
        {"utterance_id": NAME, "fold": "f1", "seed": seed, "selection": rule, "label": "tense",
         "run": "cafe", "label_valence": 1.5, "label_arousal": 4.0, "predicted_valence": value,
         "predicted_arousal": value - 1, "mean_valence": 3.0, "mean_arousal": 3.0}
        for rule, seed, value in VALUES
    ]  # fmt: skip
    write_table(outputs.predictions, pd.DataFrame(records), predictions_schema([], NAMES))
    segments = [
        {**record, "segment_id": f"{NAME}#{number}", "valid_samples": 100,
         "predicted_valence": record["predicted_valence"] + number}
        for record in records for number in (10, 9)
    ]  # fmt: skip
    write_table(
        outputs.segment_predictions, pd.DataFrame(segments), segment_predictions_schema([], NAMES)
    )


def run(*arguments: str) -> int:
    """The exit status of `mfsn inspect ARGUMENTS`."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["inspect", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(tmp_path, load_params(tmp_path))


def test_values_are_the_mean_over_the_models_that_tested_it(source: Source) -> None:
    rating = gather(source, NAME).rating
    assert rating is not None
    assert rating.label_D.tolist() == [1.5, 4.0]
    assert rating.predicted_D.tolist() == [2.5, 1.5]
    assert rating.origin == "out-of-fold: fold f1, seeds 0, 1"
    assert source.decision_of(NAME) is None
    assert gather(source, "one/clip$1$").rating is None


def test_a_picture_shows_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(NAME) == 0
    path, _, said = capsys.readouterr().out.strip().partition(": ")
    assert Path(path).stat().st_size > 10_000
    assert said.startswith("label tense, predicted valence 2.50 (label 1.50), arousal 1.50 (label")


def test_none_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--wrong", "3") == 1
    said = capsys.readouterr().err
    assert "predicts valence, arousal, which are neither right nor wrong" in said
    assert said.count("\n") == 1


def test_the_page_has_the_values_of_utterance_and_segments(source: Source) -> None:
    rating = detail(gather(source, NAME), (-80, 0), playable=False)["rating"]
    assert rating["label"] == [1.5, 4.0]
    assert rating["predicted"] == [2.5, 1.5]
    assert rating["segments"] == [[11.5, 1.5], [12.5, 1.5]]  # in order, mean over seeds
    assert detail(gather(source, "one/clip$1$"), (-80, 0), playable=False)["rating"] is None


def test_a_system_that_reads_whole_utterances_has_no_values_of_segments(
    outputs: Outputs, tmp_path: Path
) -> None:
    schema = segment_predictions_schema([], NAMES)
    pieces = read_table(outputs.segment_predictions, schema).drop_duplicates(["seed", "selection"])
    whole = pieces.assign(segment_id=f"{NAME}#all")
    write_table(outputs.segment_predictions, whole, schema)
    source = open_source(tmp_path, load_params(tmp_path))
    rating = detail(gather(source, NAME), (-80, 0), playable=False)["rating"]
    assert rating["segments"] == []
    assert rating["predicted"] == [2.5, 1.5]


def test_the_list_of_the_page_has_values_and_how_far_off_they_are(source: Source) -> None:
    index = overview(source, [NAME, "one/clip$1$"], lambda _: True)
    assert index["dimensions"] == NAMES
    rated, other = index["utterances"]
    assert rated["values"] == [2.5, 1.5]
    assert rated["error"] == (1.0 + 2.5) / 2
    assert "values" not in other


def test_the_page_says_what_is_predicted(source: Source) -> None:
    said = list(notes(source, [NAME], lambda _: True))
    assert any("predicts valence, arousal, not classes" in note for note in said)
    assert not any("Nothing is predicted yet" in note for note in said)
    assert run("--html") == 0
