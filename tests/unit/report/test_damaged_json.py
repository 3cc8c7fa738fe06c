"""A JSON file of a stage that lost an entry: one sentence names it, and none ends in KeyError."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfsn.errors import MfsnError
from mfsn.report.experiment.page import render_page
from mfsn.report.experiment.run import read_run
from mfsn.workspace import Outputs

UNIT = "session1-seed0"
FILES = [
    "models/run.json",
    "scores.json",
    f"models/{UNIT}/model.json",
    f"search/{UNIT}/genotype.json",
    "excluded.json",
]


def without_one(value: Any) -> Iterator[Any]:
    """The value without one entry, for each entry at any depth; of a list, in its first item."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            yield from ({**value, name: less} for less in without_one(inner))
    elif isinstance(value, list) and value:
        yield from ([less, *value[1:]] for less in without_one(value[0]))


@pytest.mark.parametrize("name", FILES)
def test_a_lost_entry_is_said_with_the_name_of_the_file(experiment: Outputs, name: str) -> None:
    path = (experiment.prepared if name == "excluded.json" else experiment.results) / name
    assert path.is_file()
    refused = 0
    for less in without_one(json.loads(path.read_text("utf-8"))):
        path.write_text(json.dumps(less), "utf-8")
        try:
            render_page(read_run(experiment, {}))
        except MfsnError as error:
            refused += 1
            assert Path(name).name in str(error)
            assert "dvc repro" in str(error)
    assert refused


def test_a_list_in_the_place_of_entries_is_said(experiment: Outputs) -> None:
    experiment.scores.write_text("[]", "utf-8")
    with pytest.raises(MfsnError, match=r"scores\.json holds a list, not entries"):
        read_run(experiment, {})
