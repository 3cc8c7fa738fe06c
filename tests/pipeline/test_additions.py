"""What is added to mfsn under a new name changes nothing that was there before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("additions")]

ADDED = {
    "corpora": (
        "mfsn/corpora/readers/added.py",
        "from mfsn.corpora.readers.table import Table\n\n\nclass Added(Table):\n    pass\n",
        "Added",
    ),
    "protocols": (
        "mfsn/protocols/kinds/added.py",
        "from mfsn.protocols.division import Division\n\n\n"
        "def added(manifest, config, workspace):\n    return Division({})\n",
        "added",
    ),
    "extractors": (
        "mfsn/features/extractors/added.py",
        "from typing import ClassVar\n\n"
        "from mfsn.features.extractors.mfcc import MfccExtractor\n\n\n"
        'class AddedExtractor(MfccExtractor):\n    name: ClassVar[str] = "added"\n',
        "AddedExtractor",
    ),
    "systems": (
        "mfsn/systems/added.py",
        "from dataclasses import replace\n\nfrom mfsn.systems.acoustic import SYSTEM as OTHER\n\n"
        'SYSTEM = replace(OTHER, name="added")\n',
        "SYSTEM",
    ),
}
"""Kind to a new module below src/, its text, and the object that its name stands for."""


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    checkout: Path,
    make_project: Callable[[Path, Path], Any],
) -> Iterator[Any]:
    """The toy project after a run of system `acoustic`."""
    project = make_project(tmp_path_factory.mktemp("additions"), checkout)
    project.set(system="acoustic")
    assert "report" in project.repro()
    yield project


def test_a_system_extracts_what_it_reads_and_nothing_else(finished: Any) -> None:
    kinds = {folder.partition("/")[0] for folder in finished.rows()}
    assert kinds == {"waveform", "spectrogram", "mfcc"}


@pytest.mark.parametrize("kind", ADDED)
def test_an_addition_reruns_nothing(finished: Any, kind: str) -> None:
    before = finished.outputs(), finished.rows(), units(finished)
    add(finished, kind)
    assert finished.repro() == {"scan"}
    assert (finished.outputs(), finished.rows(), units(finished)) == before


def test_an_extractor_with_a_stage_of_its_own_changes_no_unit(finished: Any) -> None:
    if not (finished.root / "src" / ADDED["extractors"][0]).exists():
        add(finished, "extractors")
    outputs, rows, runs = finished.outputs(), finished.rows(), units(finished)
    names = finished.params["extract"]["extractors"]
    config = dict(finished.params["mfcc"])
    finished.set(extract__extractors=[*names, "added"], added=config)
    assert "extract@added" in finished.repro()
    now = finished.outputs()
    assert {path: now[path] for path in outputs} == outputs
    assert (finished.rows(), units(finished)) == (rows, runs)


def test_another_system_extracts_what_is_new_and_going_back_reruns_no_unit(finished: Any) -> None:
    outputs, rows, runs = finished.outputs(), finished.rows(), units(finished)
    finished.set(system="classical", experiment="classical")
    assert "train" in finished.repro()
    new = set(finished.rows()) - set(rows)
    assert {folder.partition("/")[0] for folder in new} == {"functionals"}
    assert {folder: n for folder, n in finished.rows().items() if folder in rows} == rows
    classical = units(finished)
    assert set(runs) < set(classical)
    finished.set(system="acoustic", experiment="mfsn")
    finished.repro()
    assert units(finished) == classical
    now = finished.outputs()
    results = [path for path in outputs if path.startswith("results")]
    assert {path: now[path] for path in results} == {path: outputs[path] for path in results}


def add(project: Any, kind: str) -> None:
    """Add a module to mfsn, and its name to the registry."""
    module, text, name = ADDED[kind]
    source = project.root / "src"
    (source / module).write_text(text)
    registry = source / "mfsn" / "plugins.py"
    dotted = module.removesuffix(".py").replace("/", ".")
    start = f'    "{kind}": {{\n'
    content = registry.read_text()
    assert content.count(start) == 1
    registry.write_text(content.replace(start, f'{start}        "added": "{dotted}:{name}",\n'))


def units(project: Any) -> list[str]:
    """The finished and unfinished units in the store."""
    return sorted(path.name for path in project.store.glob("runs/*/*"))
