"""One line about a finished unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mfsn.training.selection import Choice, History


def describe_network(history: History, choice: Choice, operations: Sequence[str]) -> str:
    """The chosen epoch and level, the development scores there, and the operations.

    Args:
        history: of the training that chose.
        choice: of the rule that counts.
        operations: the strongest one of each Fusion Cell; empty without such cells.
    """
    parts = [f"epoch {choice.epoch} of {len(history)}", f"level {choice.level}"]
    parts.append(describe_score(history[choice.epoch - 1]["dev"][choice.level]))
    if operations:
        parts.append(f"operation {', '.join(map(_name, operations))}")
    return ", ".join(parts)


def describe_score(score: Mapping[str, float], name: str = "dev") -> str:
    """The scores of one entry of a history, such as `dev UA 61.0%, WA 60.2%`.

    Args:
        score: see `mfsn.training.selection.History`.
        name: of the data.
    """
    if "ccc" in score:
        return f"{name} CCC {score['ccc']:.3f}, MSE {score['mse']:.3f}"
    return f"{name} UA {score['ua']:.1%}, WA {score['wa']:.1%}"


def _name(operation: str) -> str:
    return "zero (TEC is dropped)" if operation == "zero" else operation
