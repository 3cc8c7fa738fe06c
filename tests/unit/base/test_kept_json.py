"""JSON of a stage: what is missing in it is said with the name of the file."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from mfsn.base.kept_json import read_kept
from mfsn.errors import DamagedFileError


def test_entries_are_plain_values(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    values = {"a": {"b": [1, {"c": None}]}, "d": "text"}
    path.write_text(json.dumps(values))
    found = read_kept(path)
    assert found == values
    assert json.loads(json.dumps(found)) == pickle.loads(pickle.dumps(found)) == values
    assert found.get("z") is None
    with pytest.raises(DamagedFileError):
        (found | {"e": 1})["z"]


@pytest.mark.parametrize("ask", [lambda f: f["z"], lambda f: f["a"]["b"][1]["z"]])
def test_a_missing_entry_names_the_file_at_any_depth(tmp_path: Path, ask: object) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"a": {"b": [1, {"c": 2}]}}')
    with pytest.raises(DamagedFileError, match=r"run\.json has no entry 'z': .* `dvc repro`"):
        ask(read_kept(path))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("[]", dict, "run.json holds a list, not entries: .* `dvc repro`"),
        ("{}", list, "run.json holds entries, not a list"),
        ("3", dict, "run.json holds one value, not entries"),
        ("{", dict, "run.json is damaged"),
    ],
)
def test_another_kind_is_refused(
    tmp_path: Path, text: str, kind: type[dict[str, object]], words: str
) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DamagedFileError, match=words):
        read_kept(tmp_path / "run.json", kind)
