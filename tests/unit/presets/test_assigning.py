"""`mfsn set` changes what it is told to, and what an encoder brings along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfsn.encoders.hub import find_folder
from mfsn.errors import ConfigError, ModelLoadError
from mfsn.params import load_params
from mfsn.presets.assigning import assign, fitting_levels, pairs


def told(workspace: Path, values: dict[str, Any], folder: Path | None = None) -> dict[str, Any]:
    return {c.name: (c.old, c.new) for c in assign(workspace, values, folder or workspace)}


def test_one_parameter_is_set_and_nothing_else_moves(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_text("utf-8")
    assert told(workspace, {"optimisation.lr": "5e-4"}) == {"optimisation.lr": (0.001, 0.0005)}
    after = (workspace / "params.yaml").read_text("utf-8")
    assert after == before.replace("lr: 0.001\n", "lr: 0.0005\n", 1)


def test_several_parameters_that_fit_only_together_are_set_at_once(workspace: Path) -> None:
    values = {"system": "probe", "labels.classes": ["angry", "sad"], "seeds": [1, 2]}
    assign(workspace, values, workspace)
    params = load_params(workspace)
    assert (params.system, params.labels.classes, params.seeds) == (
        "probe",
        ["angry", "sad"],
        [1, 2],
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"optimisation.lrr": 1}, "optimisation.lrr is not a parameter; did you mean lr?"),
        ({"optimisation.lr": -1}, "optimisation.lr is -1; it takes a number above 0"),
        ({"optimisation": 1}, "optimisation is 1; it takes names with values"),
        ({"seeds": [3], "optimisation.lr": "fast"}, "optimisation.lr is 'fast'"),
        ({"experiment": "1e-4"}, "'1e-4' for mfsn and 0.0001 for DVC"),
        ({"system": "mfsm"}, r"did you mean mfsn\?"),
        ({"sec.levels.low": 2}, "sec.levels.low is not a parameter"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_changes_nothing(
    workspace: Path, values: dict[str, Any], said: str
) -> None:
    before = (workspace / "params.yaml").read_bytes()
    with pytest.raises(ConfigError, match=said):
        assign(workspace, values, workspace)
    assert (workspace / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("arguments", [(), ("system",), ("a", "1", "a", "2"), ("a", "[")])
def test_command_lines_without_pairs_are_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        pairs(arguments)


def test_values_are_read_as_in_params_yaml() -> None:
    assert pairs(["a", "[x, 1]", "b", "null", "c", "true"]) == {"a": ["x", 1], "b": None, "c": True}


def test_an_encoder_brings_its_levels_and_its_folder_is_found_from_here(workspace: Path) -> None:
    recipe = "random/wav2vec2-small"
    assert told(workspace, {"sec.model": recipe}) == {
        "sec.model": ("random/data2vec-audio-demo", recipe),
        "sec.levels.mid": (2, 3),
        "sec.levels.high": (4, 6),
    }
    link = workspace / "below" / "encoder"
    link.parent.mkdir()
    link.symlink_to(find_folder("random/wav2vec2-demo", None))
    found = told(workspace, {"sec.model": "encoder", "tec.model": "encoder"}, link.parent)
    assert found["sec.model"][1] == found["tec.model"][1] == str(link.resolve())
    assert load_params(workspace).sec.levels == {"low": 1, "mid": 2, "high": 4}


def test_levels_that_the_user_gives_stay(workspace: Path) -> None:
    values = {"sec.model": "random/wav2vec2-small", "sec.levels": {"early": 0, "late": 5}}
    assign(workspace, values, workspace)
    assert load_params(workspace).sec.levels == {"early": 0, "late": 5}


def test_an_encoder_that_is_not_there_changes_nothing(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_bytes()
    with pytest.raises(ModelLoadError):
        assign(workspace, {"sec.model": "./nowhere"}, workspace)
    assert (workspace / "params.yaml").read_bytes() == before
    named = {"sec.model": "./nowhere", "sec.levels": {"high": 4}, "sec.revision": None}
    assign(workspace, named, workspace)  # it may be copied there later
    assert load_params(workspace).sec.model == "./nowhere"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (24, {"low": 1, "mid": 12, "high": 24}),
        (12, {"low": 1, "mid": 6, "high": 12}),  # as the presets have them
        (4, {"low": 1, "mid": 2, "high": 4}),
        (3, {"low": 1, "mid": 2, "high": 3}),
        (2, {"low": 0, "mid": 1, "high": 2}),
        (1, {"low": 0, "high": 1}),
    ],
)
def test_levels_spread_over_the_layers(layers: int, expected: dict[str, int]) -> None:
    assert fitting_levels("sec", layers, {"low": 1, "mid": 6, "high": 12}) == expected
    assert fitting_levels("sec", layers, "all") == "all"
    assert fitting_levels("tec", layers, {"last": -1}) == {"last": -1}


def test_levels_with_other_names_stay_if_the_encoder_has_them() -> None:
    own = {"third": 3, "end": -1}
    assert fitting_levels("sec", 6, own) == own
    assert fitting_levels("sec", 2, own) == {"low": 0, "mid": 1, "high": 2}
