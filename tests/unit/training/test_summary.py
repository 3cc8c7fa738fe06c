"""The line about a finished unit."""

from __future__ import annotations

from mfsn.training.selection import Choice
from mfsn.training.summary import describe_network

HISTORY = [
    {"epoch": 1, "dev": {"low": {"ua": 0.1, "wa": 0.2}}},
    {"epoch": 2, "dev": {"low": {"ua": 0.75, "wa": 0.5}}},
]


def test_it_tells_epoch_level_scores_and_operations() -> None:
    line = describe_network(HISTORY, Choice(2, "low"), ["ism", "sum"])
    assert line == "epoch 2 of 2, level low, dev UA 75.0%, WA 50.0%, operation ism, sum"


def test_it_says_when_zero_won() -> None:
    assert describe_network(HISTORY, Choice(1, "low"), ["zero"]).endswith("zero (TEC is dropped)")


def test_a_system_without_cells_names_no_operation() -> None:
    assert "operation" not in describe_network(HISTORY, Choice(1, "low"), [])
