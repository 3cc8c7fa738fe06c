"""A distribution from outside adds a corpus, two extractors, a protocol and a system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mfsn.store.reader import FeatureReader

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("plugin")]

PLUGIN = Path(__file__).with_name("example_plugin")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the plug-in is installed into: an environment of its own, nothing of mfsn."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("environment")
    shutil.copytree(PLUGIN, source / "plugin")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*pip, *options, str(source / "plugin")], check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def extended(
    tmp_path_factory: pytest.TempPathFactory,
    checkout: Path,
    installed: Path,
    make_project: Callable[[Path, Path], Any],
) -> Iterator[Any]:
    """The toy project after `dvc repro` with everything of the plug-in, in its environment."""
    project = make_project(tmp_path_factory.mktemp("extended"), checkout)
    with pytest.MonkeyPatch.context() as patch:
        path = [str(installed), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(path))
        own = ("loudness", "wordcount")
        extractors = [*project.params["extract"]["extractors"], *own]
        project.set(
            corpus={"name": "toy", "reader": "tones"},
            extract__extractors=extractors,
            loudness={"stretches": 3},
            wordcount={"words": 2},
            protocol__name="rotation",
            protocol__folds=3,
            system="centroids",
            centroids={"sharpness": 0.02},
        )
        assert "report" in project.repro()
        yield project


def test_only_what_the_system_reads_was_extracted(extended: Any) -> None:
    kinds = {folder.partition("/")[0] for folder in extended.rows()}
    assert kinds == {"waveform", "loudness"}


def test_mfsn_and_dvc_yaml_are_as_they_were(extended: Any, checkout: Path) -> None:
    for name in ("dvc.yaml", "stages", "src"):
        changed = extended.run("git", "status", "--porcelain", name).stdout
        assert changed == ""


def test_the_tones_are_told_apart_in_the_folds_of_the_plugin(extended: Any) -> None:
    results = extended.root / "data" / "results" / "toy" / "mfsn"
    predictions = pd.read_parquet(results / "predictions.parquet")
    assert set(predictions["fold"]) == {"turn0", "turn1", "turn2"}
    assert json.loads((results / "metrics.json").read_text())["ua"] > 0.9  # they differ by 9.5 dB


def test_its_version_is_in_the_identity_of_what_it_makes(extended: Any) -> None:
    data = extended.root / "data"
    digest = json.loads((data / "prepared/toy/features/loudness.json").read_text())
    expected = {"distribution": "mfsn-example", "version": "1.0"}
    assert digest["recipe"]["plugin"] == expected
    for stage, name in (("prepare", "corpora tones"), ("train", "systems centroids")):
        assert json.loads((data / f"code/{stage}.json").read_text())[name] == expected


def test_the_report_names_the_system_and_its_parameters(extended: Any) -> None:
    page = (extended.root / "data/results/toy/mfsn/report.html").read_text()
    assert "Nearest centroid on toy" in page
    assert "centroids.sharpness" in page
    assert "loudness.stretches" in page


def test_predict_gives_what_the_pipeline_gave(extended: Any) -> None:
    results = extended.root / "data" / "results" / "toy" / "mfsn"
    table = pd.read_parquet(results / "segment_predictions.parquet")
    one = table[table["fold"] == "turn0"].iloc[0]
    file, model = extended.corpus / f"{one['utterance_id']}.wav", results / "models/turn0-seed0"
    command = ("mfsn", "predict", str(file), "--model", str(model), "--json")
    found = json.loads(extended.run(*command).stdout)["files"][0]["posteriors"]
    for name, posterior in found.items():
        assert posterior == pytest.approx(10 ** (one[f"log_posterior_{name}"] / 2.302585), rel=1e-3)


def test_an_utterance_can_be_inspected(extended: Any) -> None:
    command = ("mfsn", "inspect", "s0-angry-0", "--out", "out.png")
    extended.run(*command)
    assert (extended.root / "out.png").is_file()


def test_a_parameter_of_the_plugin_reruns_what_follows_from_it(extended: Any) -> None:
    before = extended.rows()
    extended.set(centroids={"sharpness": 0.03})
    assert extended.repro() >= {"train", "evaluate"}
    assert extended.rows() == before
    extended.set(loudness={"stretches": 5})
    assert extended.repro() >= {"extract@loudness", "train"}
    all_before = sum(n for folder, n in before.items() if folder.startswith("loudness"))
    assert rows_of(extended, "loudness") == 2 * all_before


def rows_of(extended: Any, extractor: str) -> int:
    return sum(n for folder, n in extended.rows().items() if folder.startswith(extractor))


def extract_texts(extended: Any) -> set[str]:
    """Extract what the system does not read, too; the stages that ran."""
    extended.set(extract={"extractors": ["loudness", "wordcount"], "unread": True})
    ran: set[str] = extended.repro()
    return ran


def test_an_extractor_of_texts_has_one_row_per_transcript(extended: Any) -> None:
    before = read_digest(extended, "loudness")
    extract_texts(extended)
    assert rows_of(extended, "wordcount") == 6  # two words, each said once, twice or three times
    assert read_digest(extended, "loudness") == before
    path = extended.root / "data/prepared/toy/features/wordcount.json"
    reader = FeatureReader.open(path, extended.store)
    same = ["s0-angry-2", "s4-angry-2", "s0-sad-2", "s0-sad-0"]
    rows = reader.read(same)
    assert rows["letters"].tolist() == [[4, 4], [4, 4], [3, 3], [3, 0]]
    assert rows["letters_valid"].tolist() == [2, 2, 2, 1]
    keys = [reader.digest.rows[name] for name in same]
    assert keys[0] == keys[1] and len(set(keys)) == 3


def test_doctor_verify_and_why_know_rows_of_texts(extended: Any) -> None:
    extract_texts(extended)
    said = extended.run("mfsn", "doctor").stdout
    assert "less than a minute to compute all missing rows; training" in said
    said = extended.run("mfsn", "cache", "verify", "--recompute", "20").stdout
    assert said.count("20 rows computed again, all equal to the cached ones") == 3
    said = extended.run("mfsn", "cache", "why", "s0-angry-0").stdout
    assert "of s0-angry-0, in wordcount/" in said
    said = extended.run("mfsn", "cache", "why", "wordcount").stdout
    assert "all 36 rows are in the store" in said
    code = "import mfsn; print(int(mfsn.open_features('toy', 'wordcount').letters_valid.sum()))"
    said = extended.run(sys.executable, "-c", code).stdout
    assert said == "60\n"  # 12 say one word, 24 say two or more


def test_other_transcripts_give_new_rows_of_texts_alone(extended: Any) -> None:
    extract_texts(extended)
    before, loudness = extended.rows(), read_digest(extended, "loudness")
    (extended.corpus / "words.json").write_text('{"angry": "high", "sad": "deep"}')
    assert "extract@wordcount" in extended.repro()
    assert read_digest(extended, "loudness") == loudness
    grown = {folder: n - before[folder] for folder, n in extended.rows().items()}
    assert {folder.partition("/")[0]: n for folder, n in grown.items() if n} == {"wordcount": 3}
    (extended.corpus / "words.json").write_text('{"angry": "high", "sad": ""}')
    done = extended.dvc("repro", check=False)
    assert "wordcount reads transcripts, but 18 of 36 utterances have none" in done.stderr
    assert "Traceback" not in done.stderr
    (extended.corpus / "words.json").unlink()
    extended.repro()


def read_digest(extended: Any, extractor: str) -> bytes:
    path: Path = extended.root / "data/prepared/toy/features" / f"{extractor}.json"
    return path.read_bytes()


def test_without_the_plugin_a_run_says_what_is_missing(
    extended: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    done = extended.dvc("repro", check=False)
    assert done.returncode != 0
    assert "there is no system 'centroids'; choose one of mfsn" in done.stderr
    assert "or install the plug-in that adds it" in done.stderr
