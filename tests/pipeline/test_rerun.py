"""`dvc repro` reruns what changed, and nothing else."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

EXTRACTORS = ("sec", "tec", "spectrogram", "mfcc", "functionals")
AFTER_FEATURES = {"search", "train", "evaluate", "report"}


@pytest.fixture(autouse=True)
def restored(project: Any) -> Iterator[None]:
    """Every test leaves parameters, corpus and outputs as it found them."""
    kept = project.root.parent / "kept"
    shutil.copytree(project.corpus, kept)
    before, written = (project.root / "params.yaml").read_bytes(), last_written(project)
    yield
    (project.root / "params.yaml").write_bytes(before)
    shutil.rmtree(project.corpus)
    kept.rename(project.corpus)
    if last_written(project) != written:
        project.repro()


def last_written(project: Any) -> tuple[int, int]:
    """When DVC last wrote its lock file, and when it last wrote what it knows of the code."""
    places = ("dvc.lock", "data/code")
    lock, code = ((project.root / place).stat().st_mtime_ns for place in places)
    return lock, code


def test_a_second_repro_runs_nothing_but_the_scan(project: Any) -> None:
    assert project.repro() == {"scan"}


def test_every_parameter_reruns_the_stages_that_declare_it(project: Any) -> None:
    from dvc.repo import Repo

    original = project.params
    wrong = {}
    for path in leaves(original):
        if path == ("extract", "extractors"):  # the stages themselves: see test_additions.py
            continue
        changed = copy.deepcopy(original)
        set_leaf(changed, path)
        (project.root / "params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
        with Repo(str(project.root)) as repo:
            changed = [name for name, changes in repo.status().items() if by_parameter(changes)]
        found = {name.rpartition(":")[2] for name in changed}
        expected = declaring(project, path)
        if found != expected:
            wrong[".".join(path)] = (sorted(found), sorted(expected))
    assert wrong == {}


def leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(values, dict) and values:
        for name, value in values.items():
            yield from leaves(value, (*path, name))
    else:
        yield path


def set_leaf(params: dict[str, Any], path: tuple[str, ...]) -> None:
    section = params
    for name in path[:-1]:
        section = section[name]
    section[path[-1]] = "another"


def by_parameter(changes: list[Any]) -> bool:
    """Whether a stage's status names a parameter, or an output that is not there yet."""
    return any(
        "params.yaml" in change.get("changed deps", {}) or "deleted" in str(change)
        for change in changes
        if isinstance(change, dict)
    )


def declaring(project: Any, path: tuple[str, ...]) -> set[str]:
    """The stages that declare a parameter, or whose paths dvc.yaml makes from it."""
    stages = yaml.safe_load((project.root / "dvc.yaml").read_text())["stages"]
    found = set()
    for name, entry in stages.items():
        for item in project.params["extract"]["extractors"] if "matrix" in entry else [None]:
            filled = yaml.safe_dump(entry).replace("${item.extractor}", str(item))
            declared = yaml.safe_load(filled).get("params", [])
            if {path[0], ".".join(path)} & set(declared) or f"${{{'.'.join(path)}}}" in filled:
                found.add(f"{name}@{item}" if item else name)
    return found


def test_an_mfcc_parameter_reruns_mfcc_and_what_follows_and_back_reruns_nothing(
    project: Any,
) -> None:
    before = project.outputs()
    project.set(mfcc__coefficients=20)
    assert project.repro() == {"scan", "extract@mfcc", *AFTER_FEATURES}
    assert project.outputs() != before
    project.set(mfcc__coefficients=40)
    assert project.repro() == {"scan"}
    assert project.outputs() == before


def test_one_more_utterance_is_extracted_once_per_extractor(project: Any) -> None:
    before = project.rows()
    project.add_utterance("new", "sad", take=5)
    assert "search" in project.repro()
    grown = {folder: rows - before[folder] for folder, rows in project.rows().items()}
    segments = 2  # 3.4 s
    assert {folder.split("/")[0]: n for folder, n in grown.items() if n} == {
        "waveform": segments,
        **dict.fromkeys(("sec", "tec", "spectrogram", "mfcc"), segments),
    }


def test_a_docstring_reruns_nothing_and_a_change_of_code_reruns_its_stages(project: Any) -> None:
    module = project.root / "src" / "mfsn" / "features" / "extractors" / "mfcc.py"
    original = module.read_text()
    try:
        module.write_text(original.replace('"""', '"""Other words. ', 1))
        assert project.repro() == {"scan"}
        module.write_text(original + "\n_UNUSED = 1\n")  # functionals are statistics of MFCC
        assert project.repro() == {"scan", "extract@mfcc", "extract@functionals"}
    finally:
        module.write_text(original)


def test_an_experiment_in_a_temporary_folder_extracts_nothing(project: Any) -> None:
    before = project.rows()
    done = project.dvc("exp", "run", "--temp", "-S", "optimisation.weight_decay=0.02")
    assert "Running stage 'search'" in done.stdout
    assert project.rows() == before
    assert not any(f"Running stage 'extract@{name}'" in done.stdout for name in EXTRACTORS)


def test_four_queued_experiments_at_once_extract_each_row_once(project: Any) -> None:
    before = project.rows()
    for decay in ("0.03", "0.04", "0.05", "0.06"):
        changes = ["-S", "mfcc.coefficients=18", "-S", f"optimisation.weight_decay={decay}"]
        name = f"decay-{decay[2:]}"
        project.dvc("exp", "run", "--queue", "--name", name, *changes, "extract@mfcc")
    run_the_queue(project, experiments=4)
    grown = {folder: n for folder, n in project.rows().items() if n != before.get(folder)}
    segments = len(pd.read_parquet(project.root / "data/prepared/toy/segments.parquet"))
    assert [(folder.split("/")[0], n) for folder, n in grown.items()] == [("mfcc", segments)]


def run_the_queue(project: Any, experiments: int) -> None:
    """Run what is queued, four at once, and stop DVC's workers when all of it has ended.

    DVC asks its workers to stop by messages in a folder. Such a message can be lost, and then
    `dvc exp run --run-all` waits for ever, although every experiment has ended.
    """
    command = [sys.executable, "-m", "dvc", "exp", "run", "--run-all", "--jobs", "4"]
    running = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        give_up = time.monotonic() + 600
        while (status := project.dvc("queue", "status").stdout).count("Success") < experiments:
            assert "Failed" not in status, status
            assert time.monotonic() < give_up, status
    finally:
        project.dvc("queue", "stop", "--kill")
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def test_two_experiments_stand_side_by_side(project: Any) -> None:
    here = Path("data/results/toy/mfsn/metrics.json")
    other = Path("data/results/toy/acoustic/metrics.json")
    before = (project.root / here).read_bytes()
    project.set(system="acoustic", experiment="acoustic")
    project.repro()
    assert (project.root / here).read_bytes() == before
    assert (project.root / other).is_file()


def test_folds_edited_in_their_file_rerun_the_search(project: Any) -> None:
    folds = project.root / "folds.yaml"
    text = "folds:\n" + "".join(f"  - test_speakers: [s{2 * i}, s{2 * i + 1}]\n" for i in range(3))
    folds.write_text(text)
    project.set(protocol__name="folds_from_file", protocol__file="folds.yaml", system="classical")
    assert "train" in project.repro()
    folds.write_text(text.replace("[s0, s1]", "[s1, s0]"))
    assert {"search", "train"} <= project.repro()
    folds.unlink()
