"""Tables of linear probes: stand-ins for encoders of the hub, and UA over layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfsn.encoders.random_weights import RECIPES
from mfsn.errors import ConfigError
from mfsn.params import Params, load_params
from mfsn.presets import preset_params
from mfsn.reproduce.collect import as_table
from mfsn.reproduce.page import render, write_table
from mfsn.reproduce.plan import Table, labelled, overrides, table_named
from mfsn.reproduce.points import points_of
from mfsn.reproduce.run import Finished
from mfsn.workspace import Outputs

OUTPUTS = Outputs(Path(), "toy", "e")
TABLES = ("layers", "layers_large")


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return load_params(checkout)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("size", ["demo", "small"])
def test_without_pretrained_weights_random_ones_stand_in(
    params: Params, name: str, size: str
) -> None:
    model = f"random/data2vec-audio-{size}"
    random = params.model_copy(update={"sec": params.sec.model_copy(update={"model": model})})
    plan = labelled(table_named(name), random)
    models = [overrides(row, random, False, ())["sec.model"] for row in plan.runs]
    assert len(set(models)) == len(models)
    assert all(model.removeprefix("random/") in RECIPES for model in models)
    assert all(model.endswith(f"-{size}") for model in models)
    assert all(overrides(row, random, False, ())["sec.revision"] is None for row in plan.runs)
    assert all(row.label.endswith("[random weights]") for row in plan.rows)


@pytest.mark.parametrize("name", TABLES)
def test_with_pretrained_weights_rows_name_models_of_the_hub(name: str) -> None:
    pretrained = preset_params("emodb")
    plan = labelled(table_named(name), pretrained)
    for row in plan.runs:
        made = overrides(row, pretrained, False, ())
        assert "/" in made["sec.model"]
        assert not made["sec.model"].startswith("random/")
        assert (made["system"], made["sec.levels"], made["sec.frames"]) == ("probe", "all", "mean")
        assert "random" not in row.label


def levels(uas: list[float]) -> list[dict[str, Any]]:
    """levels.json of one fold; the test score is a tenth below the development score."""
    scores = [{"dev": {"ua": ua}, "test": {"ua": ua - 0.1}} for ua in uas]
    return [{"level": f"layer_{i:02d}", **score} for i, score in enumerate(scores)]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The points of two encoders, one of them deeper, each in two folds."""

    def read(_workspace: Path, experiment: str, path: Path) -> Any:
        if path == OUTPUTS.models / "run.json":
            return {"folds": ["a", "b"], "seeds": [0]}
        depth = 2 if experiment == "e-shallow" else 4
        start = 0.4 if path == OUTPUTS.models / "a-seed0" / "levels.json" else 0.6
        return {"levels": levels([start + 0.1 * i for i in range(depth + 1)])}

    monkeypatch.setattr("mfsn.reproduce.run.read_result", read)
    experiments = {row.name: f"e-{row.name}" for row in plan().runs}
    return points_of(Finished(Path(), plan(), experiments, OUTPUTS), scores())


def plan() -> Table:
    rows = [
        {"name": name, "label": f"<{name}>", "set": {"system": "probe"}}
        for name in ("shallow", "deep")
    ]
    values = {"title": "T", "source": "here", "conditions": "none", "rows": rows, "layers": True}
    return Table.parse(values, where="test")


def scores() -> Any:
    about = {"corpus": "toy", "utterances": 7, "protocol": "p", "encoders": "none"}
    row = {"ua": 60.0, "wa": 60.0, "macro_f1": 60.0, "chance_ua": 25.0, **about}
    return as_table([{"row": row_of.label, **row} for row_of in plan().rows])


def test_points_are_means_over_folds_at_the_depth_of_each_layer(found: Any) -> None:
    development = found[found["panel"] == "development"]
    shallow = development[development["line"] == "<shallow>"]
    assert shallow["x"].tolist() == [0.0, 0.5, 1.0]
    assert shallow["ua"].tolist() == [50.0, 60.0, 70.0]
    deep = development[development["line"] == "<deep>"]
    assert deep["x"].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert deep["level"].tolist()[-1] == "layer_04"


def test_test_scores_are_called_descriptive(found: Any, tmp_path: Path) -> None:
    (panel,) = {name for name in found["panel"] if name.startswith("test")}
    assert "descriptive" in panel
    assert found.loc[found["panel"] == panel, "ua"].tolist()[:3] == [40.0, 50.0, 60.0]
    html = render(plan(), scores(), found)
    page = write_table(tmp_path, "toy", "layers", scores(), html, points=found)
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "&lt;shallow&gt;" in text
    assert "<shallow>" not in text
    assert (page.parent / "layers-curves.csv").is_file()


def test_a_table_of_one_layer_is_drawn_at_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_workspace: Path, _experiment: str, path: Path) -> Any:
        if path.name == "run.json":
            return {"folds": ["a"], "seeds": [0]}
        return {"levels": levels([0.5])}

    monkeypatch.setattr("mfsn.reproduce.run.read_result", read)
    experiments = {row.name: row.name for row in plan().runs}
    points = points_of(Finished(Path(), plan(), experiments, OUTPUTS), scores())
    assert points is not None
    assert points["x"].tolist() == [0.0] * 4


def test_a_row_names_its_stand_in_by_family() -> None:
    with pytest.raises(ConfigError, match="random"):
        Table.parse(
            {"title": "T", "source": "s", "conditions": "none",
             "rows": [{"name": "a", "label": "a", "set": {}, "random": 3}]},
            where="test",
        )  # fmt: skip
