"""Selection rules on hand-made histories."""

from __future__ import annotations

from typing import Any

import pytest

from mfsn.errors import ConfigError
from mfsn.training.config import ClassicalConfig, OptimisationConfig, Rule, SelectionConfig
from mfsn.training.selection import Choice, choose, finished


def history(dev: list[float], test: list[float] | None = None) -> list[dict[str, Any]]:
    """One level; WA + UA is twice the number given."""
    made: list[dict[str, Any]] = []
    for index, score in enumerate(dev):
        entry: dict[str, Any] = {"epoch": index + 1, "dev": {"high": {"ua": score, "wa": score}}}
        if test is not None:
            entry["test"] = {"high": {"ua": test[index], "wa": test[index]}}
        made.append(entry)
    return made


def loop(epochs: int = 100, patience: int = 2) -> OptimisationConfig:
    return OptimisationConfig(epochs=epochs, patience=patience)


def test_held_out_takes_the_best_development_epoch() -> None:
    chosen = choose(history([0.2, 0.6, 0.4]), SelectionConfig(), loop())
    assert chosen == {"held_out": Choice(2, "high")}


def test_held_out_takes_the_sum_of_both_accuracies() -> None:
    epochs = [
        {"epoch": 1, "dev": {"low": {"ua": 0.9, "wa": 0.1}, "high": {"ua": 0.6, "wa": 0.5}}},
        {"epoch": 2, "dev": {"low": {"ua": 0.2, "wa": 0.8}, "high": {"ua": 0.5, "wa": 0.5}}},
    ]
    assert choose(epochs, SelectionConfig(), loop()) == {"held_out": Choice(1, "high")}


def test_of_equal_scores_the_earliest_epoch_then_the_first_level_counts() -> None:
    same = {level: {"ua": 0.5, "wa": 0.5} for level in ("low", "mid", "high")}
    epochs = [{"epoch": epoch, "dev": same} for epoch in (1, 2)]
    assert choose(epochs, SelectionConfig(), loop()) == {"held_out": Choice(1, "low")}


def test_oracle_test_takes_the_best_test_epoch() -> None:
    selection = SelectionConfig(rule="oracle_test", compare=("held_out",))
    chosen = choose(history([0.9, 0.1, 0.1], [0.1, 0.1, 0.9]), selection, loop())
    assert chosen == {"oracle_test": Choice(3, "high"), "held_out": Choice(1, "high")}


def test_last_epoch_takes_its_level_from_the_parameter() -> None:
    selection = SelectionConfig(rule="last_epoch", level="mid")
    assert choose(history([0.9, 0.1]), selection, loop()) == {"last_epoch": Choice(2, "mid")}


@pytest.mark.parametrize(
    ("scores", "ends"),
    [([0.5, 0.4], False), ([0.5, 0.4, 0.5], True), ([0.5, 0.4, 0.6], False), ([0.5], False)],
)
def test_patience_counts_epochs_without_a_better_development_score(
    scores: list[float], ends: bool
) -> None:
    assert finished(history(scores), SelectionConfig(), loop(patience=2)) is ends


def test_last_epoch_needs_no_development_scores() -> None:
    epochs = [{"epoch": 1}, {"epoch": 2}]  # as when refitting
    selection = SelectionConfig(rule="last_epoch")
    assert not finished(epochs, selection, loop(epochs=3))
    assert finished(epochs, selection, loop(epochs=2))
    assert choose(epochs, selection, loop(epochs=3)) == {"last_epoch": Choice(2, "high")}


@pytest.mark.parametrize("rule", ["oracle_test", "last_epoch"])
def test_the_other_rules_run_through_all_epochs(rule: Rule) -> None:
    worse = history([0.5, 0.4, 0.3, 0.2], [0.5, 0.4, 0.3, 0.2])
    assert not finished(worse, SelectionConfig(rule=rule), loop(5))
    assert finished(worse, SelectionConfig(rule=rule), loop(4))


def test_a_comparison_with_last_epoch_trains_on_but_leaves_the_main_choice() -> None:
    # Patience runs out after epoch 3; epochs 4 and 5 are trained for last_epoch alone.
    selection = SelectionConfig(compare=("oracle_test", "last_epoch"))
    epochs = history([0.5, 0.4, 0.3, 0.9, 0.9], [0.1, 0.2, 0.1, 0.9, 0.9])
    assert not finished(epochs[:3], selection, loop(5))
    assert choose(epochs, selection, loop(5)) == {
        "held_out": Choice(1, "high"),
        "oracle_test": Choice(2, "high"),
        "last_epoch": Choice(5, "high"),
    }


@pytest.mark.parametrize("compare", [(), ("oracle_test",), ("last_epoch", "oracle_test")])
@pytest.mark.parametrize("rule", ["held_out", "oracle_test", "last_epoch"])
def test_no_comparison_changes_the_main_choice(rule: Rule, compare: tuple[Rule, ...]) -> None:
    dev, test = [0.3, 0.5, 0.4, 0.4, 0.4, 0.9], [0.1, 0.2, 0.9, 0.3, 0.3, 0.95]

    def run(selection: SelectionConfig) -> Choice:
        seen = 1
        while not finished(history(dev, test)[:seen], selection, loop(6, 3)):
            seen += 1
        return choose(history(dev, test)[:seen], selection, loop(6, 3))[rule]

    alone = run(SelectionConfig(rule=rule))
    assert run(SelectionConfig(rule=rule, compare=compare)) == alone


def test_a_rule_is_not_compared_with_itself() -> None:
    selection = SelectionConfig(rule="held_out", compare=("held_out", "last_epoch"))
    assert selection.rules == ("held_out", "last_epoch")


@pytest.mark.parametrize(
    "values",
    [{"refit": True, "compare": ["oracle_test"]}, {"refit": True, "rule": "last_epoch"}],
)
def test_refit_stands_alone(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="refit works only with rule: held_out and compare"):
        SelectionConfig.parse(values, where="params.yaml: selection")


def test_every_c_is_above_zero() -> None:
    with pytest.raises(ConfigError, match="every C must be above 0"):
        ClassicalConfig.parse({"c_grid": [0.1, 0.0]}, where="params.yaml: classical")
