"""The curves of a table: where its rows stand, and the figures of its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mfsn.errors import ConfigError
from mfsn.reproduce.collect import as_table
from mfsn.reproduce.page import render, write_table
from mfsn.reproduce.plan import Row, Table, table_named
from mfsn.reproduce.points import points_of
from mfsn.reproduce.run import Finished
from mfsn.workspace import Outputs

OUTPUTS = Outputs(Path(), "toy", "e")


def table() -> Table:
    """Two systems: clean, and two kinds of which one varies the test alone, one both."""

    def row(name: str, system: str, **corruption: Any) -> dict[str, Any]:
        changed = {f"corruption.{leaf}": value for leaf, value in corruption.items()}
        return {"name": name, "label": name, "set": {"system": system, **changed}}

    rows = [
        row("m", "mfsn"),
        row("s", "sec_tec"),
        row("m_test", "mfsn", kind="other_utterance", test=0.5),
        row("s_test", "sec_tec", kind="other_utterance", test=0.5),
        row("m_both", "mfsn", kind="zeros", train=0.25, test=0.25),
        row("m_more", "mfsn", kind="zeros", train=1.0, test=1.0),
        {"name": "theirs", "label": "theirs", "published": {"ua": 70.0}},
    ]
    curve = {
        "x": ["corruption.train", "corruption.test"],
        "label": "share <lost>",
        "panel": "corruption.kind",
        "line": "system",
    }
    values = {"title": "T", "source": "here", "conditions": "none", "rows": rows, "curve": curve}
    return Table.parse(values, where="test")


def scores() -> pd.DataFrame:
    labels = [row.label for row in table().rows]
    uas = [60.0, 50.0, 55.0, 40.0, 58.0, 30.0, None]
    records = [{"row": label, "ua": ua} for label, ua in zip(labels, uas, strict=True)]
    return as_table(
        [r | {"wa": r["ua"], "macro_f1": r["ua"], "chance_ua": 25.0} | ABOUT for r in records]
    )


ABOUT = {
    "corpus": "toy", "utterances": 7, "protocol": "p", "speaker_independent": True,
    "selection": "held_out", "seeds": "0", "encoders": "none",
}  # fmt: skip


def found(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The points, of searches whose first operation has 0.3 in one cell and 0.1 in another."""

    def read(_workspace: Path, experiment: str, path: Path) -> Any:
        assert path == OUTPUTS.search / "search.json"
        weights = [[w, *[(1 - w) / 7] * 7] for w in (0.3, 0.1)]
        cells = [{"cells": [{"weights": one}]} for one in weights]
        return {"units": cells if experiment.startswith("e-m") else []}

    monkeypatch.setattr("mfsn.reproduce.run.read_result", read)
    plan = table()
    experiments = {row.name: f"e-{row.name}" for row in plan.runs}
    made = points_of(Finished(Path(), plan, experiments, OUTPUTS), scores())
    assert made is not None
    return made


def test_a_row_stands_where_its_largest_value_is_in_the_panel_of_what_it_varies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = found(monkeypatch)
    lines = {
        key: list(zip(own["x"], own["ua"], strict=True))
        for key, own in made.groupby(["panel", "line"])
    }
    assert lines == {
        ("other utterance: test", "mfsn"): [(0.0, 60.0), (0.5, 55.0)],
        ("other utterance: test", "sec_tec"): [(0.0, 50.0), (0.5, 40.0)],
        ("zeros: train and test", "mfsn"): [(0.0, 60.0), (0.25, 58.0), (1.0, 30.0)],
        ("zeros: train and test", "sec_tec"): [(0.0, 50.0)],
    }


def test_weights_are_means_and_empty_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    made = found(monkeypatch)
    searched = made[made["line"] == "mfsn"]
    assert searched["weight_zero"].tolist() == pytest.approx([0.2] * len(searched))
    assert made.loc[made["line"] == "sec_tec", "weight_zero"].isna().all()
    assert [name for name in made if str(name).startswith("weight_")][-1] == "weight_ism_r"


def test_the_page_has_a_figure_a_panel_and_escapes_what_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = found(monkeypatch)
    page = render(table(), scores(), made)
    assert page.count("<svg") == 4  # two panels of UA, two of weights
    assert "Weights of the operations" in page
    assert "share &lt;lost&gt;" in page and "share <lost>" not in page
    assert "var(--series-8)" in page and "#0b0b" not in page
    assert page == render(table(), scores(), made)
    written = write_table(tmp_path, "toy", "t", scores(), page, points=made)
    curves = pd.read_csv(written.with_name("t-curves.csv"))
    assert curves[["panel", "line", "x", "ua"]].equals(made[["panel", "line", "x", "ua"]])


def test_without_a_search_there_are_no_weights_to_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    made = found(monkeypatch)
    unsearched = made[[name for name in made if not str(name).startswith("weight_")]]
    assert render(table(), scores(), unsearched).count("<svg") == 2


def test_a_table_without_curves_has_none(tmp_path: Path) -> None:
    plain = table().model_copy(update={"curve": None})
    assert points_of(Finished(Path(), plain, {}, OUTPUTS), scores()) is None
    page = render(plain, scores())
    assert "<svg" not in page
    write_table(tmp_path, "toy", "t", scores(), page)
    assert not list(tmp_path.rglob("*-curves.csv"))


def test_robustness_crosses_kinds_places_rates_and_systems() -> None:
    plan = table_named("robustness")
    curve = plan.curve
    assert curve is not None
    settings = [row.set or {} for row in plan.rows]
    panels = {curve.panel_of(one) for one in settings} - {None}
    assert len(panels) == 3 * 3
    for panel in panels:
        own = [one for one in settings if curve.panel_of(one) == panel]
        assert sorted((one["system"], curve.place(one)) for one in own) == [
            ("mfsn", 0.5), ("mfsn", 1.0), ("sec_tec", 0.5), ("sec_tec", 1.0),
        ]  # fmt: skip
    assert [one["system"] for one in settings if curve.panel_of(one) is None] == ["mfsn", "sec_tec"]


def test_a_curve_needs_something_to_vary() -> None:
    values = table().model_dump()
    values["curve"]["x"] = []
    with pytest.raises(ConfigError, match=r"curve\.x"):
        Table.parse(values, where="test")


def test_a_row_of_another_kind_of_parameter_is_its_own_beginning() -> None:
    curve = table().curve
    assert curve is not None
    row = Row(name="a", label="a", set={"system": "mfsn", "corruption.kind": "zeros"})
    assert curve.panel_of(row.set or {}) is None
    assert curve.place(row.set or {}) == 0.0
