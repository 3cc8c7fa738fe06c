"""The line about a finished unit."""

from __future__ import annotations

import pytest

from mfsn.training.selection import Choice
from mfsn.training.summary import describe_network, is_undecided

HISTORY = [
    {"epoch": 1, "dev": {"low": {"ua": 0.1, "wa": 0.2}}},
    {"epoch": 2, "dev": {"low": {"ua": 0.75, "wa": 0.5}}},
]
TIED = [
    {
        "epoch": 1,
        "dev": {
            "low": {"ua": 0.5, "wa": 0.6},
            "mid": {"ua": 0.6, "wa": 0.5},
            "high": {"ua": 0.4, "wa": 0.6},
        },
        "test": {name: {"ua": 0.5, "wa": 0.5} for name in ("low", "mid", "high")},
    }
]
ALIKE = [0.25, 0.11, 0.11, 0.11, 0.1, 0.1, 0.11, 0.11]
CLEAR = [0.93, *[0.01] * 7]


def test_it_tells_epoch_level_scores_and_operations() -> None:
    line = describe_network(HISTORY, Choice(2, "low"), "held_out", ["ism", "sum"])
    assert line == "epoch 2 of 2, level low, dev UA 75.0%, WA 50.0%, operation ism, sum"


def test_it_says_when_zero_is_the_only_operation() -> None:
    line = describe_network(HISTORY, Choice(1, "low"), "held_out", ["zero"])
    assert line.endswith("zero (TEC is dropped)")


def test_a_mixture_in_which_zero_leads_slightly_drops_nothing() -> None:
    """A weight of 0.25, as somebody's search found it, with an entropy of 2.05 of 2.079."""
    line = describe_network(HISTORY, Choice(1, "low"), "held_out", ["zero"], [ALIKE])
    assert "dropped" not in line
    assert line.endswith("operation undecided (the largest weight is 0.25, for zero)")
    decided = describe_network(
        HISTORY, Choice(1, "low"), "held_out", ["zero"], [[0.6, 0.34, *[0.01] * 6]]
    )
    assert decided.endswith("operation zero (weight 0.60)")


def test_a_mixture_of_almost_only_zero_drops_tec() -> None:
    line = describe_network(HISTORY, Choice(1, "low"), "held_out", ["zero"], [CLEAR])
    assert line.endswith("operation zero (weight 0.93, TEC is dropped)")


@pytest.mark.parametrize(
    ("weights", "undecided"),
    [
        ([1 / 8] * 8, True),
        (ALIKE, True),
        ([0.28, *[0.72 / 7] * 7], True),
        ([0.4, *[0.6 / 7] * 7], False),
        ([0.5, 0.5, *[0.0] * 6], False),
        ([1.0, *[0.0] * 7], False),
        ([1.0], False),
    ],
)
def test_nearly_equal_weights_are_no_choice(weights: list[float], undecided: bool) -> None:
    assert is_undecided(weights) is undecided


def test_levels_that_are_equally_good_are_tied() -> None:
    line = describe_network(TIED, Choice(1, "low"), "held_out", [])
    assert line.startswith("epoch 1 of 1, level low (tied with mid), dev UA 50.0%")
    line = describe_network(TIED, Choice(1, "mid"), "oracle_test", [])
    assert "level mid (tied with high, low)" in line
    assert "tied" not in describe_network(TIED, Choice(1, "low"), "last_epoch", [])


def test_a_system_without_cells_names_no_operation() -> None:
    assert "operation" not in describe_network(HISTORY, Choice(1, "low"), "held_out", [])
