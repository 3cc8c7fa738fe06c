"""One line about a finished unit, and what a search may be said to have chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mfsn.training.config import Rule
from mfsn.training.selection import Choice, History, tied_levels

UNDECIDED_ENTROPY = 0.95
"""Operation weights whose entropy is at least this share of the largest one chose nothing. With
eight operations, the largest weight is then below 0.30."""
DOMINANT_WEIGHT = 0.9
"""With at least this weight, Zero leaves nearly nothing of TEC in a mixture."""


def is_undecided(weights: Sequence[float]) -> bool:
    """Whether the weights of a mixture are so nearly equal that no operation was chosen."""
    entropy = -sum(weight * math.log(weight) for weight in weights if weight > 0)
    return len(weights) > 1 and entropy >= UNDECIDED_ENTROPY * math.log(len(weights))


def drops_tec(operation: str, weight: float = 1.0) -> bool:
    """Whether a Fusion Cell drops TEC: its operation is Zero, with nearly all of the weight."""
    return operation == "zero" and weight >= DOMINANT_WEIGHT


def describe_network(
    history: History,
    choice: Choice,
    rule: Rule,
    operations: Sequence[str],
    mixtures: Sequence[Sequence[float]] = (),
) -> str:
    """The chosen epoch and level, the development scores there, and the operations.

    Args:
        history: of the training that chose.
        choice: of the rule that counts.
        rule: this rule. Levels that are as good as the chosen one are named as tied.
        operations: the only or the strongest one of each Fusion Cell; empty without such cells.
        mixtures: if the cells mix operations, the weights of each cell.
    """
    tied = tied_levels(history, choice, rule)
    level = f"level {choice.level}" + (f" (tied with {', '.join(tied)})" if tied else "")
    score = describe_score(history[choice.epoch - 1]["dev"][choice.level])
    parts = [f"epoch {choice.epoch} of {len(history)}", level, score]
    weights = mixtures or [(1.0,)] * len(operations)
    if operations:
        named = [_operation(name, of) for name, of in zip(operations, weights, strict=True)]
        parts.append(f"operation {', '.join(named)}")
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


def _operation(name: str, weights: Sequence[float]) -> str:
    """A Fusion Cell's operation; of a mixture with its weight, if it can be called a choice."""
    largest = max(weights)
    if is_undecided(weights):
        return f"undecided (the largest weight is {largest:.2f}, for {name})"
    dropped = "TEC is dropped" if drops_tec(name, largest) else ""
    weight = f"weight {largest:.2f}" if len(weights) > 1 else ""
    notes = ", ".join(note for note in (weight, dropped) if note)
    return f"{name} ({notes})" if notes else name
