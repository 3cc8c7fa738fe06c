"""Tables of experiments: what a row changes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mfsn.errors import ConfigError
from mfsn.params import Params, load_params
from mfsn.presets import leaves
from mfsn.reproduce.plan import Row, experiment_name, overrides, table_named, tables
from mfsn.reproduce.run import _setting


@pytest.fixture(scope="module")
def params(checkout: Path) -> Params:
    return load_params(checkout)


def changed(params: Params, values: dict[str, Any]) -> Params:
    """The parameters with dotted ones replaced, checked as params.yaml is."""
    raw = params.model_dump(mode="json")
    for name, value in values.items():
        *path, leaf = name.split(".")
        section = raw
        for part in path:
            section = section[part]
        section[leaf] = value
    return Params.parse(raw, where="test")


@pytest.mark.parametrize(("table", "row"), [(t, r) for t, p in tables().items() for r in p.rows])
@pytest.mark.parametrize("short", [False, True])
def test_every_row_gives_valid_parameters(
    params: Params, table: str, row: Row, short: bool
) -> None:
    made = changed(params, overrides(row, params, short, (3, 4)))
    assert made.seeds == [3, 4]
    assert made.experiment == params.experiment
    assert (made.optimisation.epochs == 3) == short


@pytest.mark.parametrize("name", sorted(tables()))
def test_rows_of_a_table_differ(params: Params, name: str) -> None:
    rows = table_named(name).rows
    assert len({row.name for row in rows}) == len({row.label for row in rows}) == len(rows)
    defaults = params.model_dump(mode="json")
    made = [leaves(changed(params, overrides(row, params, False, ())).model_dump()) for row in rows]
    same = [row.name for row, one in zip(rows, made, strict=True) if one == leaves(defaults)]
    assert set(same) <= {
        "mfsn", "joint", "searched", "all", "alpha_lr_5", "ism_gated"
    }  # fmt: skip


def test_published_scores_have_a_source() -> None:
    for name, table in tables().items():
        if any(row.published for row in table.rows):
            assert "arXiv" in table.source, name
            assert table.conditions != "none", name


def test_a_value_can_stand_for_another_parameter(params: Params) -> None:
    row = Row(name="a", label="A", set={"sec.model": "$tec.model", "sec.revision": "$tec.revision"})
    found = overrides(row, params, False, ())
    assert found == {"sec.model": params.tec.model, "sec.revision": params.tec.revision}


def test_names_of_experiments_say_whether_fits_were_short() -> None:
    row = Row(name="zero", label="Zero")
    assert experiment_name("operations", row, False) == "operations-zero"
    assert experiment_name("operations", row, True) == "operations-zero-short"


def test_an_unknown_table_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"there is no table five; choose one of ablation"):
        table_named("five")


@pytest.mark.parametrize("value", ["random/x", "a", None, 0.0005, True, ["sum", "zero"], [0, 1]])
def test_settings_reach_params_yaml_with_their_types(tmp_path: Path, value: Any) -> None:
    from dvc.utils.hydra import apply_overrides

    path = tmp_path / "params.yaml"
    path.write_text("a: {b: 1}\n")
    apply_overrides(path, [_setting("a.b", value)])
    assert yaml.safe_load(path.read_text()) == {"a": {"b": value}}
