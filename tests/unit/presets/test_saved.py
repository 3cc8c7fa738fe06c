"""A preset that was saved comes back as it was, and nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfsn.errors import ConfigError
from mfsn.presets import apply_preset, presets
from mfsn.presets.saved import save, saved


def edit(workspace: Path, old: str, new: str) -> bytes:
    path = workspace / "params.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path.read_bytes()


def test_what_was_saved_comes_back_with_its_comments(workspace: Path) -> None:
    mine = edit(workspace, "  epochs: 15\n", "  epochs: 31 # enough\n")
    save(workspace, "mine", presets())
    assert apply_preset(workspace, "ravdess").lost == []
    applied = apply_preset(workspace, "mine")
    assert ("optimisation.epochs", 31) in [(c.name, c.new) for c in applied.changes]
    assert (workspace / "params.yaml").read_bytes() == mine
    assert saved(workspace) == ["mine"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("demo", "of mfsn of this name"),
        ("../up", "small letters"),
        ("A", "small letters"),
        ("mine", "in data/presets/mine.yaml of this name"),
    ],
)
def test_names_that_are_taken_or_are_no_names_are_refused(
    workspace: Path, name: str, said: str
) -> None:
    kept = save(workspace, "mine", presets()).read_bytes()
    edit(workspace, "epochs: 15", "epochs: 31")
    with pytest.raises(ConfigError, match=said):
        save(workspace, name, presets())
    assert (workspace / "data/presets/mine.yaml").read_bytes() == kept
    assert saved(workspace) == ["mine"]


def test_a_file_that_is_not_valid_is_not_saved(workspace: Path) -> None:
    edit(workspace, "epochs: 15", "epochs: many")
    with pytest.raises(ConfigError, match=r"optimisation\.epochs is 'many'"):
        save(workspace, "mine", presets())
    assert saved(workspace) == []


def test_a_saved_preset_that_was_damaged_changes_nothing(workspace: Path) -> None:
    save(workspace, "mine", presets()).write_text("sec: 3\n", encoding="utf-8")
    before = (workspace / "params.yaml").read_bytes()
    with pytest.raises(ConfigError, match=r"data/presets/mine\.yaml: "):
        apply_preset(workspace, "mine")
    assert (workspace / "params.yaml").read_bytes() == before
    assert apply_preset(workspace, "ravdess").lost == []


def test_a_saved_preset_has_its_own_size(workspace: Path) -> None:
    save(workspace, "mine", presets())
    with pytest.raises(ConfigError, match="leave out --size"):
        apply_preset(workspace, "mine", "paper")
