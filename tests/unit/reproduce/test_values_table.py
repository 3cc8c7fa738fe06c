"""Tables of rows that predict dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mfsn.errors import ReproduceError
from mfsn.params import Params, load_params
from mfsn.reproduce.page import write_table
from mfsn.reproduce.plan import Row, Table, table_named
from mfsn.reproduce.run import Finished
from mfsn.reproduce.values import (
    THE_MEAN,
    collect_values,
    predicts_dimensions,
    render_values,
)
from mfsn.workspace import Outputs

NAMES = ["valence", "arousal"]
TABLE = Table(
    title="A <table>",
    source="asked here",
    conditions="none",
    rows=[
        Row(name="one", label="One & only", set={"labels.target": "dimensions"}),
        Row(name="theirs", label="Theirs"),
    ],
)
OWN = {"ccc": 0.12345, "mse": 1.5, "ccc_arousal": -0.00001, "ccc_valence": 0.25,
       "mse_arousal": 1.0, "mse_valence": 2.0}  # fmt: skip
SCORES: dict[str, Any] = OWN | {
    "dimensions": NAMES,
    "predict_the_mean": OWN | {"ccc": 0.0, "mse": 1.25},
    "selection": "held_out",
    "counts": {"utterances": 7},
}
ABOUT: dict[str, Any] = {
    "corpus": "mine",
    "protocol": {"name": "leave_one_session_out", "speaker_independent": True},
    "seeds": [0],
    "encoders": {},
}


@pytest.fixture
def params(checkout: Path) -> Params:
    return load_params(checkout)


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    def read(workspace: Path, experiment: str, path: Path) -> Any:
        assert experiment == "dimensions-one"
        return ABOUT if path.name == "run.json" else SCORES

    monkeypatch.setattr("mfsn.reproduce.run.read_result", read)
    outputs = Outputs(Path(), "mine", "mfsn")
    return collect_values(Finished(Path(), TABLE, {"one": "dimensions-one"}, outputs))


def test_the_last_row_is_what_predicting_the_mean_gives(rows: pd.DataFrame) -> None:
    one, mean = rows.to_dict("records")
    assert (one["row"], one["ccc"], one["mse"]) == ("One & only", 0.123, 1.5)
    assert (mean["row"], mean["ccc"], mean["mse"]) == (THE_MEAN, 0.0, 1.25)
    assert one["utterances"] == 7
    assert pd.isna(one["ccc_std"])
    dimensions = [name for name in rows.columns if name.endswith(("valence", "arousal"))]
    assert dimensions == ["ccc_valence", "mse_valence", "ccc_arousal", "mse_arousal"]
    assert str(one["ccc_arousal"]) == "0.0"


def test_the_page_has_a_pair_of_columns_per_dimension(rows: pd.DataFrame, tmp_path: Path) -> None:
    written = write_table(tmp_path, "mine", "dimensions", rows, render_values(TABLE, rows))
    page = written.read_text("utf-8")
    assert "A &lt;table&gt;" in page
    assert page.index("valence") < page.index("arousal") < page.index("One &amp; only")
    assert page.count(THE_MEAN) == 1
    assert "±" not in page
    again = pd.read_csv(written.with_suffix(".csv"))
    assert again["mse"].tolist() == [1.5, 1.25]


def test_the_tables_of_the_package_say_what_they_predict(params: Params) -> None:
    assert predicts_dimensions(table_named("dimensions"), params)
    assert not predicts_dimensions(table_named("baselines"), params)
    labels = params.labels.model_copy(update={"target": "dimensions"})
    rated = params.model_copy(update={"labels": labels})
    assert predicts_dimensions(table_named("baselines"), rated)


def test_rows_of_both_sorts_are_refused(params: Params) -> None:
    mixed = TABLE.model_copy(
        update={"rows": [*TABLE.rows, Row(name="two", label="Two", set={"system": "acoustic"})]}
    )
    with pytest.raises(ReproduceError, match="predict classes and others dimensions"):
        predicts_dimensions(mixed, params)
