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

from mfsn.base.fingerprint import ENTRANCES, shared_helpers, stage_code
from mfsn.params import declared_sections
from mfsn.workspace import Outputs

EXTRACTORS = ("sec", "tec", "spectrogram", "mfcc", "functionals")
SCRIPTS = ("prepare", "segment", "extract", "search", "train", "evaluate", "report")


@pytest.fixture(scope="module")
def stages(checkout: Path) -> dict[str, Any]:
    """The stages of dvc.yaml, the matrix expanded and the templates filled for one experiment."""
    text = (checkout / "dvc.yaml").read_text()
    text = text.replace("${corpus.name}", "C").replace("${experiment}", "E")
    entries: dict[str, Any] = yaml.safe_load(text)["stages"]
    matrix = entries.pop("extract")
    assert tuple(matrix["matrix"]["extractor"]) == EXTRACTORS
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


def roots(checkout: Path) -> dict[str, list[str]]:
    loaded = yaml.safe_load((checkout / "stages" / "roots.yaml").read_text())
    return {key: entry["modules"] for key, entry in loaded.items()}


def test_every_stage_but_scan_depends_on_the_meaning_of_its_code(stages: dict[str, Any]) -> None:
    for name, entry in stages.items():
        if name != "scan":
            assert f"data/code/{key_of(name)}.json" in entry["deps"], name


def test_scan_writes_a_fingerprint_for_each_stage(stages: dict[str, Any], checkout: Path) -> None:
    written = {Path(path).stem for path in outs(stages["scan"]) if path.startswith("data/code/")}
    assert written == {key_of(name) for name in stages if name != "scan"} == set(roots(checkout))


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_a_stage_imports_is_in_its_fingerprint(checkout: Path, script: str) -> None:
    # The oracle is Python itself: which modules of mfsn are loaded once the script is.
    code = (
        "import importlib, runpy, sys, json;"
        f"sys.path.insert(0, 'stages'); runpy.run_path('stages/{script}.py', run_name='loaded');"
        "[importlib.import_module(m) for m in json.loads(sys.argv[1])];"
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] == 'mfsn']))"
    )
    keys = [key for key in roots(checkout) if key.partition("-")[0] == script]
    extra = sorted({module for key in keys for module in roots(checkout)[key]})
    run = subprocess.run(
        [sys.executable, "-c", code, json.dumps(extra)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(run.stdout.splitlines()[-1]))
    closure = {module for key in keys for module in stage_code(checkout, key)}
    assert loaded - closure - ENTRANCES - only_through_params(checkout) == set()


def only_through_params(checkout: Path) -> set[str]:
    """Modules that mfsn.params brings: configurations, which dvc.yaml declares by value."""
    tree = ast.parse((checkout / "src" / "mfsn" / "params.py").read_text())
    modules = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
    packages = {module.rpartition(".")[0] for module in modules}
    return {m for m in modules | packages if m.startswith("mfsn")}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stage_reads_exactly_the_parameters_that_it_declares(checkout: Path, script: str) -> None:
    own = checkout / "stages" / f"{script}.py"
    read = {
        node.attr
        for path in (own, *shared_helpers(own))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("params")
    }
    item = {"sec"} if script == "extract" else set()
    stage = "extract@sec" if script == "extract" else script
    assert read | item == declared_sections(checkout, stage)


def test_a_helper_is_code_of_the_stages_that_import_it_alone(checkout: Path) -> None:
    keys = {key for key in roots(checkout) if "_training.py" in stage_code(checkout, key)}
    assert keys == {"search", "train"}
    assert all("_start.py" in stage_code(checkout, key) for key in roots(checkout))


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
        path.startswith(("data/code/", str(paths.plots)))
        or path == str(paths.prepared / "excluded.json")
        for path in others
    )


def test_whatever_a_stage_reads_another_one_writes(stages: dict[str, Any]) -> None:
    written = {path for entry in stages.values() for path in outs(entry)}
    for name, entry in stages.items():
        assert set(entry.get("deps", [])) <= written, name


def test_nothing_but_scan_runs_always_and_every_output_is_cached(stages: dict[str, Any]) -> None:
    # An output that is not cached switches the run-cache of its stage off.
    for name, entry in stages.items():
        assert entry.get("always_changed", False) == (name == "scan")
        options = [
            x for kind in ("outs", "metrics") for x in entry.get(kind, []) if isinstance(x, dict)
        ]
        assert options == [], name
