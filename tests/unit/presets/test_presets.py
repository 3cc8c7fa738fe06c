"""Presets rewrite params.yaml: completely, readably, and saying what they changed."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mfsn.base.yaml_file import read_yaml
from mfsn.errors import ConfigError
from mfsn.params import load_params
from mfsn.presets import (
    apply_preset,
    complete_params,
    preset_params,
    presets,
    sizes,
)
from mfsn.presets.writing import leaves, render

MORE = ("iemocap", "savee", "meld", "cremad", "nemo")


def apply_preset_text(workspace: Path, text: str) -> None:
    (workspace / "params.yaml").write_text(text, encoding="utf-8")


def edit(workspace: Path, old: str, new: str) -> None:
    text = (workspace / "params.yaml").read_text("utf-8")
    assert old in text
    apply_preset_text(workspace, text.replace(old, new))


def test_a_fresh_clone_holds_the_demo(checkout: Path) -> None:
    head, _, rest = (checkout / "params.yaml").read_text("utf-8").partition("experiment:")
    assert "experiment:" + rest == render(preset_params("demo"))
    assert all(line.startswith("#") for line in head.splitlines())


def test_the_base_comes_first_and_everything_is_described() -> None:
    assert next(iter(presets())) == "demo"
    assert set(presets()) >= {"demo", "ravdess", "emodb", "table", *MORE}
    assert set(sizes()) == {"demo", "small", "paper"}
    assert all([*presets().values(), *sizes().values()])


@pytest.mark.parametrize("name", ["demo", "ravdess", "emodb", "table", *MORE])
@pytest.mark.parametrize("size", [None, "demo", "small", "paper"])
def test_every_combination_is_written_in_full_and_read_back(
    workspace: Path, name: str, size: str | None
) -> None:
    apply_preset(workspace, name, size)
    assert load_params(workspace) == preset_params(name, size)
    written = leaves(read_yaml(workspace / "params.yaml"))
    assert written == leaves(preset_params(name, size).model_dump(mode="json"))


@pytest.mark.parametrize("name", ["ravdess", "emodb", *MORE[1:]])
def test_classes_are_the_emotions_of_the_corpus(checkout: Path, name: str) -> None:
    facts = read_yaml(checkout / "src" / "mfsn" / "corpora" / "readers" / "data" / f"{name}.yaml")
    assert set(preset_params(name).labels.classes) == set(facts["labels"].values())


def test_iemocap_has_the_four_classes_of_the_paper() -> None:
    params = preset_params("iemocap", "paper")
    assert params.labels.classes == ["angry", "happy", "neutral", "sad"]
    assert params.labels.merge == {"excited": "happy"}
    assert (params.corpus.part, params.corpus.unlabelled) == (None, "drop")


@pytest.mark.parametrize(
    ("name", "protocol", "folds"),
    [
        ("iemocap", "leave_one_session_out", 5),
        ("savee", "stratified_k_fold", 10),
        ("meld", "official_split", 5),
        ("cremad", "grouped_k_fold", 5),
        ("nemo", "leave_one_speaker_out", 5),
    ],
)
def test_protocols(name: str, protocol: str, folds: int) -> None:
    chosen = preset_params(name).protocol
    assert (chosen.name, chosen.folds) == (protocol, folds)


def test_sizes_differ_in_model_and_optimisation_only() -> None:
    dumps = [leaves(preset_params("ravdess", size).model_dump(mode="json")) for size in sizes()]
    differing = {name for one, other in itertools.pairwise(dumps) for name in one
                 if one[name] != other[name]}  # fmt: skip
    assert differing
    assert {name.partition(".")[0] for name in differing} <= {"model", "optimisation"}


def test_the_paper_size_is_the_published_one() -> None:
    params = preset_params("emodb", "paper")
    assert params.model.image_px == (256, 384)
    assert (params.model.projection, params.model.mfcc_hidden) == (128, 256)
    assert (params.optimisation.lr, params.optimisation.batch_size) == (1e-5, 64)
    assert (params.optimisation.epochs, params.optimisation.patience) == (100, 8)


def test_there_and_back_leaves_the_bytes_as_they_were(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_bytes()
    apply_preset(workspace, "ravdess", "paper")
    assert (workspace / "params.yaml").read_bytes() != before
    apply_preset(workspace, "demo")
    assert (workspace / "params.yaml").read_bytes() == before


def test_the_file_stays_readable(workspace: Path) -> None:
    apply_preset(workspace, "ravdess")
    text = (workspace / "params.yaml").read_text("utf-8")
    assert text.startswith("# What is computed.")
    assert "  levels: {low: 1, mid: 3, high: 6}\n" in text
    assert "\n\nprotocol:\n  name: folds_from_file\n" in text
    order = [line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()]
    assert order[:4] == ["experiment", "system", "seeds", "corpus"]


def test_changes_are_told_with_old_and_new(workspace: Path) -> None:
    applied = apply_preset(workspace, "ravdess")
    told = {change.name: (change.old, change.new) for change in applied.changes}
    assert told["corpus.name"] == ("demo", "ravdess")
    assert told["sec.levels.high"] == (4, 6)
    assert "mfcc.hop_ms" not in told


def test_an_empty_section_is_no_parameter(workspace: Path) -> None:
    there = apply_preset(workspace, "iemocap").changes
    back = apply_preset(workspace, "demo").changes
    for changes, expected in ((there, (None, "happy")), (back, ("happy", None))):
        told = {change.name: (change.old, change.new) for change in changes}
        assert told["labels.merge.excited"] == expected
        assert "labels.merge" not in told


def test_the_same_again_changes_nothing(workspace: Path) -> None:
    apply_preset(workspace, "ravdess", "small")
    applied = apply_preset(workspace, "ravdess", "small")
    assert (applied.changes, applied.lost) == ([], [])


def test_moving_between_presets_loses_nothing(workspace: Path) -> None:
    assert apply_preset(workspace, "emodb", "paper").lost == []
    assert apply_preset(workspace, "demo", "small").lost == []


def test_values_edited_by_hand_are_named_when_they_go(workspace: Path) -> None:
    edit(workspace, "epochs: 15", "epochs: 31")
    edit(workspace, "mask: valid", "mask: none")
    lost = apply_preset(workspace, "ravdess").lost
    assert {(change.name, change.old) for change in lost} == {
        ("optimisation.epochs", 31), ("model.mask", "none")
    }  # fmt: skip


def test_parameters_that_were_missing_or_unknown_are_corrected(workspace: Path) -> None:
    edit(workspace, "  hop_ms: 10.0\n  n_fft: 2048\n", "  hopp_ms: 10.0\n  n_fft: 2048\n")
    applied = apply_preset(workspace, "demo")
    assert [(c.name, c.old, c.new) for c in applied.changes] == [
        ("mfcc.hop_ms", None, 10.0), ("mfcc.hopp_ms", 10.0, None)
    ]  # fmt: skip
    load_params(workspace)


def test_comments_stay(workspace: Path) -> None:
    edit(workspace, "  epochs: 15\n", "  # as in the first run\n  epochs: 15  # enough\n")
    edit(workspace, "sec:\n", "# of the cluster\nsec:\n")
    apply_preset(workspace, "ravdess", "paper")
    text = (workspace / "params.yaml").read_text("utf-8")
    assert "  # as in the first run\n  epochs: 100 # enough\n" in text
    assert "# of the cluster\nsec:\n" in text
    assert load_params(workspace) == preset_params("ravdess", "paper")


PLUGIN = """
from mfsn.config import Config
from mfsn.training.system import System

class Own(Config):
    width: int = 3

class Extractor:
    config_type = Own

SYSTEM = System("mine", "Mine", "-", {"mfcc": "all"}, (), fits="a:B", scorer="a:C", config=Own)
"""


@pytest.fixture
def with_plugin(workspace: Path, plugin: Callable[..., None]) -> Path:
    """The workspace with an extractor and a system of a plug-in in use."""
    entries = "[mfsn.extractors]\nlate = own:Extractor\n[mfsn.systems]\nmine = own:SYSTEM\n"
    plugin("mfsn-own", entries, own=PLUGIN)
    edit(workspace, "system: mfsn", "system: mine")
    edit(workspace, "functionals]", "functionals, late]")
    text = (workspace / "params.yaml").read_text("utf-8")
    more = "\nlate:\n  width: 5 # wide\n\nmine:\n  width: 7\n"
    apply_preset_text(workspace, text + more)
    return workspace


def test_sections_of_plugins_stay(with_plugin: Path) -> None:
    apply_preset(with_plugin, "ravdess")
    params = load_params(with_plugin)
    assert (params.system, params.extract.extractors[-1]) == ("mfsn", "late")
    assert params.section("late").model_dump() == {"width": 5}
    assert params.section("mine").model_dump() == {"width": 7}
    assert "  width: 5 # wide\n" in (with_plugin / "params.yaml").read_text("utf-8")


def test_what_is_missing_and_null_is_added_without_a_word(workspace: Path) -> None:
    edit(workspace, "  context: null\n", "")
    assert apply_preset(workspace, "demo").changes == []
    assert read_yaml(workspace / "params.yaml")["sec"]["context"] is None


def test_completing_adds_what_is_missing_and_keeps_the_rest(workspace: Path) -> None:
    before = (workspace / "params.yaml").read_text("utf-8")
    section = "extract:\n  extractors: [sec, tec, spectrogram, mfcc, functionals]\n"
    edit(workspace, section + "  unread: false\n\n", "")
    edit(workspace, "epochs: 15", "epochs: 31 # mine")
    added = {change.name for change in complete_params(workspace).changes}
    assert added == {"extract.extractors", "extract.unread"}
    after = (workspace / "params.yaml").read_text("utf-8")
    assert after == before.replace("epochs: 15", "epochs: 31 # mine")
    assert complete_params(workspace).changes == []


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("ravdes", None, "no preset ravdes; choose one of demo, .*ravdess"),
        ("demo", "big", "no size big; choose one of demo, paper, small"),
        ("../secret", None, "no preset"),
    ],
)
def test_unknown_names_change_nothing(
    workspace: Path, name: str, size: str | None, words: str
) -> None:
    before = (workspace / "params.yaml").read_bytes()
    with pytest.raises(ConfigError, match=words):
        apply_preset(workspace, name, size)
    assert (workspace / "params.yaml").read_bytes() == before


def test_a_failed_write_leaves_the_old_file(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (workspace / "params.yaml").read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        apply_preset(workspace, "ravdess")
    assert (workspace / "params.yaml").read_bytes() == before
    assert sorted(p.name for p in workspace.iterdir()) == ["dvc.yaml", "params.yaml"]


def test_dvc_reads_the_same_values(workspace: Path) -> None:
    """DVC parses YAML 1.2; a number that YAML 1.1 writes must not become text there."""
    from dvc.utils.serialize import load_yaml

    apply_preset(workspace, "emodb", "paper")
    path = workspace / "params.yaml"
    assert load_yaml(str(path)) == yaml.safe_load(path.read_text("utf-8"))
