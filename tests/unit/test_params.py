"""params.yaml as a typed object, of which each stage sees what dvc.yaml declares."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mfsn.errors import ConfigError, UndeclaredParameterError
from mfsn.params import Params, declared_sections, load_params, open_stage

MakePlugin = Callable[..., None]


@pytest.fixture
def workspace(tmp_path: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(checkout / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(workspace: Path, old: str, new: str) -> None:
    path = workspace / "params.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_params_are_complete_and_valid(workspace: Path) -> None:
    params = load_params(workspace)
    written = yaml.safe_load((workspace / "params.yaml").read_text())
    assert params.model_dump(mode="json") == written


def test_a_misspelt_parameter_is_one_sentence_with_a_suggestion(workspace: Path) -> None:
    edit(workspace, "coefficients: 40", "coeficients: 40")
    with pytest.raises(ConfigError, match=r"mfcc\.coeficients .* did you mean coefficients\?"):
        load_params(workspace)


def test_a_misspelt_section_is_one_sentence_with_a_suggestion(workspace: Path) -> None:
    edit(workspace, "mfcc:", "mfc:")
    with pytest.raises(ConfigError, match=r"mfc is not a parameter; did you mean mfcc\?"):
        load_params(workspace)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("duration_s: 3.0", "duration_s: -1", "segment.duration_s"),
        ("rule: held_out", "rule: best", "selection.rule"),
        ("[angry, happy, neutral, sad]", "[angry, angry]", "labels"),
        ("experiment: mfsn", "experiment: ../elsewhere", "experiment"),
    ],
)
def test_values_out_of_range_name_their_parameter(
    workspace: Path, old: str, new: str, named: str
) -> None:
    edit(workspace, old, new)
    with pytest.raises(ConfigError, match=named):
        load_params(workspace)


def test_broken_yaml_names_the_line(workspace: Path) -> None:
    edit(workspace, "classes: [angry", "classes: [[angry")
    says = r"params\.yaml is not valid YAML: line \d+, column \d+: .*; correct it there$"
    with pytest.raises(ConfigError, match=says):
        load_params(workspace)


def test_bytes_that_are_no_text_are_one_sentence(workspace: Path) -> None:
    (workspace / "params.yaml").write_bytes(b"corpus: \xff\x00")
    with pytest.raises(ConfigError, match=r"params\.yaml is not valid YAML: .* no text in UTF-8"):
        load_params(workspace)


def test_params_that_cannot_be_read_are_one_sentence(workspace: Path) -> None:
    (workspace / "params.yaml").unlink()
    (workspace / "params.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"params\.yaml cannot be read \(Is a directory\)"):
        load_params(workspace)


def test_a_stage_that_dvc_yaml_lacks_is_one_sentence(workspace: Path) -> None:
    with pytest.raises(ConfigError, match=r"dvc\.yaml has no stage nothing"):
        declared_sections(workspace, "nothing")


def test_every_mistake_is_a_line_that_says_what_is_allowed(workspace: Path) -> None:
    edit(workspace, "coefficients: 40", "coefficients: many")
    edit(workspace, "duration_s: 3.0", "duration_s: -1")
    edit(workspace, "{low: 1, mid: 2, high: 4}", "{low: first}")
    edit(workspace, "rule: held_out", "rule: best")
    with pytest.raises(ConfigError) as raised:
        load_params(workspace)
    assert str(raised.value).splitlines() == [
        "params.yaml: mfcc.coefficients is 'many'; it takes a whole number",
        "params.yaml: sec.levels.low is 'first'; it takes a whole number",
        "params.yaml: segment.duration_s is -1; it takes a number above 0.0",
        "params.yaml: selection.rule is 'best'; it takes held_out, oracle_test or last_epoch",
    ]


LEVELS = "it takes all, or level names with indices of hidden states"


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ("seeds: [0]", "seeds: x", "seeds is 'x'; it takes a list"),
        ("seeds: [0]", "seeds: [0.5]", "seeds.0 is 0.5; it takes a whole number"),
        ("alpha_lr: 5.0", "alpha_lr: .inf", "search.alpha_lr is inf; it takes a finite number"),
        ("reader: demo", "reader: nope", "corpus.reader: there is no corpus reader 'nope'; choose"),
        ("system: mfsn", "system: mfns", "system: there is no system 'mfns' (did you mean mfsn?)"),
        ("name: demo", "name: 5", "corpus.name is 5; it takes text"),
        ("{low: 1, mid: 2, high: 4}", "some", f"sec.levels is 'some'; {LEVELS}"),
        ("{low: 1, mid: 2, high: 4}", "[1, 2]", f"sec.levels is [1, 2]; {LEVELS}"),
        ("{low: 1, mid: 2, high: 4}", "{}", "sec.levels is {}; it takes 1 or more entries"),
    ],
)
def test_a_refused_value_is_told_in_plain_words(
    workspace: Path, old: str, new: str, allowed: str
) -> None:
    edit(workspace, old, new)
    with pytest.raises(ConfigError) as raised:
        load_params(workspace)
    assert str(raised.value).startswith(f"params.yaml: {allowed}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "experiment: mfsn",
            "experiment: 1e-4",
            "experiment is '1e-4' for mfsn and 0.0001 for DVC",
        ),
        ("seeds: [0]", "seeds: [1, 010]", "seeds.1 is 8 for mfsn and 10 for DVC"),
    ],
)
def test_what_dvc_reads_as_another_value_is_refused(
    workspace: Path, old: str, new: str, said: str
) -> None:
    edit(workspace, old, new)
    with pytest.raises(ConfigError, match=rf"^params\.yaml: \S*{re.escape(said)}") as raised:
        load_params(workspace)
    assert "\n" not in str(raised.value)


def test_a_number_that_mfsn_reads_from_text_is_the_same_for_dvc(workspace: Path) -> None:
    path = workspace / "params.yaml"
    path.write_text(re.sub(r"\blr: \S+", "lr: 1e-4", path.read_text(), count=1))
    assert load_params(workspace).optimisation.lr == 1e-4


def test_a_name_that_is_there_twice_is_refused_as_by_dvc(workspace: Path) -> None:
    path = workspace / "params.yaml"
    path.write_text(path.read_text() + "\nexperiment: other\n")
    with pytest.raises(ConfigError, match=r"DVC cannot read params\.yaml: .*duplicate key"):
        load_params(workspace)


def test_missing_params_name_the_way_back(workspace: Path) -> None:
    (workspace / "params.yaml").unlink()
    with pytest.raises(ConfigError, match=r"git checkout params\.yaml"):
        load_params(workspace)


def test_a_stage_reads_what_it_declares_and_nothing_else(workspace: Path) -> None:
    stage = open_stage("extract@mfcc")
    assert stage.params.mfcc == load_params(workspace).mfcc
    with pytest.raises(UndeclaredParameterError, match="reads `sec`"):
        _ = stage.params.sec
    assert stage.outputs.digest("mfcc").parent == workspace / "data/prepared/demo/features"


LOUD = """
from mfsn.config import Config

class LoudConfig(Config):
    times: int = 2

class Loud:
    config_type = LoudConfig
"""


def test_a_stage_reads_the_section_of_a_plugin_only_with_what_names_the_plugin(
    workspace: Path, plugin: MakePlugin
) -> None:
    plugin("louder", "[mfsn.extractors]\nloud = louder:Loud", louder=LOUD)
    edit(workspace, "extractors: [", "extractors: [loud, ")
    for name in ("extract@loud", "scan"):
        assert open_stage(name).params.section("loud").model_dump() == {"times": 2}
    for name in ("extract@mfcc", "train", "report"):
        with pytest.raises(UndeclaredParameterError, match="reads `loud`"):
            open_stage(name).params.section("loud")


def test_a_matrix_item_declares_its_own_section(workspace: Path) -> None:
    assert declared_sections(workspace, "extract@tec") == {"tec", "segment"}


def test_every_section_of_the_schema_is_declared_by_a_stage(workspace: Path) -> None:
    stages = yaml.safe_load((workspace / "dvc.yaml").read_text())["stages"]
    items = load_params(workspace).extract.extractors
    names = [name for name in stages if name != "extract"] + [f"extract@{item}" for item in items]
    declared = frozenset[str]().union(*(declared_sections(workspace, name) for name in names))
    assert declared | {"experiment"} == set(Params.model_fields)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ("{high: 4, mid: 2, low: 1}", "early to late"),
        ("{low: -1, high: 4}", "negative ones last"),
        ("{low: 1, other: 1}", "each index once"),
        ("{../low: 1}", "levels"),
    ],
)
def test_levels_have_one_order_and_plain_names(workspace: Path, levels: str, message: str) -> None:
    edit(workspace, "{low: 1, mid: 2, high: 4}", levels)
    with pytest.raises(ConfigError, match=message):
        load_params(workspace)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: [0]", "seeds: [0, 0]", "seeds holds a number twice"),
        ("alpha_lr: 5.0", "alpha_lr: .inf", r"search\.alpha_lr"),
        ("duration_s: 3.0", "duration_s: 1.0e-9", "shorter than one sample"),
    ],
)
def test_values_that_would_fail_later_fail_at_once(
    workspace: Path, old: str, new: str, message: str
) -> None:
    edit(workspace, old, new)
    with pytest.raises(ConfigError, match=message):
        load_params(workspace)
