"""Selection: which epoch and level count. It depends only on the history.

Utterances are scored, each by the mean of its segments: WA + UA, as in CA-MSER's train_ser.py, or
the mean CCC of dimensions.

The rule decides when training ends, so that comparing other rules never changes its result. With
held_out, training ends after `patience` epochs without a better development score. With the other
rules it goes through all epochs. held_out and oracle_test choose among the epochs until that end.
last_epoch takes the last of all epochs; if it is only compared, training continues just for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mfsn.errors import ConfigError
from mfsn.training.config import OptimisationConfig, Rule, SelectionConfig
from mfsn.training.scoring import merit

History = Sequence[Mapping[str, Any]]
"""One entry per epoch: `epoch` (from 1), and under `dev` and `test` each level to {"ua", "wa",
"loss"}, or for dimensions to {"ccc", "mse", "loss"}."""


@dataclass(frozen=True)
class Choice:
    """The entry of a history (from 1; an epoch, for networks) and the level that a rule chose."""

    epoch: int
    level: str


def best(history: History, split: Literal["dev", "test"]) -> Choice:
    """The entry and level with the largest `merit`; the first one if several are equally good."""
    scored = [
        (merit(score), Choice(number, level))
        for number, entry in enumerate(history, start=1)
        for level, score in entry[split].items()
    ]
    return max(scored, key=lambda item: item[0])[1]


def at_a_known_level(selection: SelectionConfig, levels: Sequence[str]) -> SelectionConfig:
    """The rules, for a network with these levels. With a single level, last_epoch takes that one.

    Raises:
        ConfigError: if last_epoch is to be evaluated at a level that does not exist.
    """
    if selection.level in levels or "last_epoch" not in selection.rules:
        return selection
    if len(levels) > 1:
        raise ConfigError(
            f"params.yaml: selection.level is {selection.level}, which is no SEC level; choose one "
            f"of {', '.join(levels)}"
        )
    return selection.model_copy(update={"level": levels[0]})


def tied_levels(history: History, choice: Choice, rule: Rule) -> list[str]:
    """The other levels that were exactly as good as the chosen one in the chosen entry.

    The first one counts, so a level with ties was not chosen for being better.

    Args:
        history: of the training that chose.
        choice: what the rule chose.
        rule: last_epoch compares no levels, so that it has no ties.
    """
    if rule == "last_epoch":
        return []
    scores = history[choice.epoch - 1]["dev" if rule == "held_out" else "test"]
    most = merit(scores[choice.level])
    return sorted(n for n in scores if n != choice.level and merit(scores[n]) == most)


def choose(
    history: History, selection: SelectionConfig, optimisation: OptimisationConfig
) -> dict[Rule, Choice]:
    """What every rule chooses, given the epochs so far.

    Among equally good epochs the earliest one counts, then the first level of its entry.

    Args:
        history: at least one epoch. Only held_out reads `dev`, and only oracle_test reads `test`.
        selection: the rules.
        optimisation: for the patience.
    """
    seen = history[: _end(history, selection, optimisation)]
    choices: dict[Rule, Choice] = {}
    for rule in selection.rules:
        if rule == "last_epoch":
            choices[rule] = Choice(history[-1]["epoch"], selection.level)
        else:
            choices[rule] = best(seen, "dev" if rule == "held_out" else "test")
    return choices


def finished(
    history: History, selection: SelectionConfig, optimisation: OptimisationConfig
) -> bool:
    """Whether no further epoch can change what any rule chooses."""
    if len(history) >= optimisation.epochs:
        return True
    if selection.rule != "held_out" or "last_epoch" in selection.rules:
        return False
    return _patience_ran_out(history, optimisation.patience)


def _end(history: History, selection: SelectionConfig, optimisation: OptimisationConfig) -> int:
    if selection.rule != "held_out":
        return len(history)
    for end in range(1, len(history)):
        if _patience_ran_out(history[:end], optimisation.patience):
            return end
    return len(history)


def _patience_ran_out(history: History, patience: int) -> bool:
    return bool(history) and history[-1]["epoch"] - best(history, "dev").epoch >= patience
