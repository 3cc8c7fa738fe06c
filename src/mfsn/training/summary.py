"""One line about a finished unit."""

from __future__ import annotations

from collections.abc import Sequence

from mfsn.training.selection import Choice, History


def describe_network(history: History, choice: Choice, operations: Sequence[str]) -> str:
    """The chosen epoch and level, the development scores there, and the operations.

    Args:
        history: of the training that chose.
        choice: of the rule that counts.
        operations: the strongest of each Fusion Cell; none where there is none.
    """
    parts = [f"epoch {choice.epoch} of {len(history)}", f"level {choice.level}"]
    parts.append(describe_scores(history, choice))
    if operations:
        parts.append(f"operation {', '.join(map(_name, operations))}")
    return ", ".join(parts)


def describe_scores(history: History, choice: Choice) -> str:
    """UA and WA on the development data."""
    score = history[choice.epoch - 1]["dev"][choice.level]
    return f"dev UA {score['ua']:.1%}, WA {score['wa']:.1%}"


def _name(operation: str) -> str:
    return "zero (TEC is dropped)" if operation == "zero" else operation
