"""dvc.yaml and the code agree: on code dependencies, parameters and paths."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mfsn import plugins
from mfsn.base.fingerprint import ENTRANCES, fingerprint, shared_helpers, stage_code
from mfsn.params import AFTER_SEARCH, COMMON, RESTRICTED, declared_sections, load_params
from mfsn.training.system import get_system, modules_of
from mfsn.workspace import Outputs

EXTRACTORS = ("sec", "tec", "spectrogram", "mfcc", "functionals")
KINDS: tuple[plugins.Kind, ...] = ("corpora", "extractors", "protocols", "systems")
SCRIPTS = ("prepare", "segment", "extract", "search", "train", "evaluate", "report")


@pytest.fixture(scope="module")
def stages(checkout: Path) -> dict[str, Any]:
    """The stages of dvc.yaml, the matrix expanded and the templates filled for one experiment."""
    text = (checkout / "dvc.yaml").read_text()
    text = text.replace("${corpus.name}", "C").replace("${experiment}", "E")
    entries: dict[str, Any] = yaml.safe_load(text)["stages"]
    matrix = entries.pop("extract")
    assert matrix["matrix"]["extractor"] == "${extract.extractors}"
    assert tuple(load_params(checkout).extract.extractors) == EXTRACTORS
    for name in EXTRACTORS:
        item = json.dumps(matrix).replace("${item.extractor}", name)
        entries[f"extract@{name}"] = json.loads(item)
    return entries


def key_of(stage: str) -> str:
    return stage.replace("@", "-")


def listed(entry: dict[str, Any], section: str) -> list[str]:
    return [next(iter(x)) if isinstance(x, dict) else x for x in entry.get(section, [])]


def outs(entry: dict[str, Any]) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in listed(entry, kind)]


def test_every_stage_but_scan_depends_on_the_meaning_of_its_code(stages: dict[str, Any]) -> None:
    for name, entry in stages.items():
        if name != "scan":
            assert f"data/code/{key_of(name)}.json" in entry["deps"], name
    assert "data/code" in outs(stages["scan"])


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_stage_imports_is_in_its_fingerprint(checkout: Path, script: str) -> None:
    loaded = modules_loaded(
        checkout,
        "import runpy, sys; sys.path.insert(0, 'stages');"
        f"runpy.run_path('stages/{script}.py', run_name='loaded')",
    )
    closure = set(stage_code(checkout, script))
    assert loaded - closure - ENTRANCES - only_through_params(checkout) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_name_stands_for_is_in_its_fingerprint(checkout: Path, kind: plugins.Kind) -> None:
    for name in plugins.names(kind):
        roots = [plugins.module_of(kind, name)]
        if kind == "systems":
            roots += modules_of(get_system(name))
        loaded = modules_loaded(checkout, ";".join(f"import {root}" for root in roots))
        closure = set(fingerprint(checkout / "src", roots=roots))
        assert loaded - closure - ENTRANCES == set(), name


def modules_loaded(checkout: Path, statements: str) -> set[str]:
    """The modules of mfsn that Python itself has loaded after some statements."""
    code = (
        f"{statements};"
        "import sys, json;"
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] == 'mfsn']))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_no_fit_and_no_extractor_depends_on_a_list_of_names(checkout: Path) -> None:
    # A word of the registry in their code would run them again when the registry grows.
    others = {"mfsn.plugins", "mfsn.params", "mfsn.systems.train", "mfsn.systems.search"}
    for kind in ("extractors", "systems"):
        for name in plugins.names(kind):
            roots = [plugins.module_of(kind, name)]
            roots += modules_of(get_system(name)) if kind == "systems" else []
            code = set(fingerprint(checkout / "src", roots=roots))
            assert not code & others
            readers = {plugins.module_of("corpora", reader) for reader in plugins.names("corpora")}
            assert not code & readers
            systems = {plugins.module_of("systems", system) for system in plugins.names("systems")}
            assert len(code & systems) <= 1


def only_through_params(checkout: Path) -> set[str]:
    """What mfsn.params brings: mostly configurations, which dvc.yaml declares by value."""
    return modules_loaded(checkout, "import mfsn.params")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stage_reads_exactly_the_parameters_that_it_declares(checkout: Path, script: str) -> None:
    own = checkout / "stages" / f"{script}.py"
    read = {
        node.attr
        for path in (own, *shared_helpers(own))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("params")
    } - {"section"}
    if script in ("search", "train"):  # the parameters of an experiment are read together
        read |= {
            "system",
            "seeds",
            *COMMON,
            *RESTRICTED,
            *(AFTER_SEARCH if script == "train" else ()),
        }
    item = {"sec"} if script == "extract" else set()
    stage = "extract@sec" if script == "extract" else script
    assert read | item == declared_sections(checkout, stage)


def test_a_helper_is_code_of_the_stages_that_import_it_alone(checkout: Path) -> None:
    using = {script for script in SCRIPTS if "_training.py" in stage_code(checkout, script)}
    assert using == {"search", "train"}
    assert all("_start.py" in stage_code(checkout, script) for script in SCRIPTS)


def test_paths_in_dvc_yaml_are_the_paths_in_the_code(stages: dict[str, Any]) -> None:
    paths = Outputs(Path(), "C", "E")
    written = {path for entry in stages.values() for path in outs(entry)}
    expected = [paths.files, paths.manifest, paths.segments, paths.search, paths.models]
    expected += [paths.segment_predictions, paths.predictions, paths.report]
    expected += [paths.scores, paths.metrics]
    expected += [paths.digest(name) for name in EXTRACTORS]
    assert {str(path) for path in expected} <= written
    others = written - {str(path) for path in expected}
    assert all(
        path.startswith(("data/code", str(paths.plots)))
        or path == str(paths.prepared / "excluded.json")
        for path in others
    )


def test_whatever_a_stage_reads_another_one_writes(stages: dict[str, Any]) -> None:
    written = {path for entry in stages.values() for path in outs(entry)}
    for name, entry in stages.items():
        for path in entry.get("deps", []):  # a file within an output, or a folder of outputs
            inside = any(path.startswith(f"{folder}/") for folder in written)
            around = any(other.startswith(f"{path}/") for other in written)
            assert path in written or inside or around, (name, path)


def test_nothing_but_scan_runs_always_and_every_output_is_cached(stages: dict[str, Any]) -> None:
    # An output that is not cached switches the run-cache of its stage off.
    for name, entry in stages.items():
        assert entry.get("always_changed", False) == (name == "scan")
        options = [
            x for kind in ("outs", "metrics") for x in entry.get(kind, []) if isinstance(x, dict)
        ]
        assert options == [], name
