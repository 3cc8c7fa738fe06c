"""Long names, shortened where they do not differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

LONG = 28
"""Names of more characters are shortened: as many fit into a line of the list."""
LONGEST = 72
"""Longer ones lose their middle too: a row of the list has three lines at most."""
GAP = "…"


def shortened(names: Sequence[str]) -> list[str]:
    """The names without the words that all have in common, where they are long.

    The first and the last word stay, and a name whose short form another one also has stays whole.

    Args:
        names: all different.

    Returns:
        One short form per name, each of them different.
    """
    words = [re.findall(r"[^\W_]+|[\W_]", name) for name in names]
    ahead = _in_common(words)
    behind = _in_common([own[::-1] for own in words])
    short = [
        name if len(name) <= LONG else _cut(_without(own, ahead, behind))
        for name, own in zip(names, words, strict=True)
    ]
    times = Counter(short)
    return [one if times[one] == 1 else name for one, name in zip(short, names, strict=True)]


def _in_common(words: Sequence[Sequence[str]]) -> set[int]:
    """The places, counted from the first, where all names have the same word."""
    if len(words) < 2:
        return set()
    return {place for place, own in enumerate(zip(*words, strict=False)) if len({*own}) == 1}


def _without(words: Sequence[str], ahead: set[int], behind: set[int]) -> str:
    last = len(words) - 1
    kept = {0, last}
    gone = [
        place not in kept and (place in ahead or last - place in behind)
        for place in range(len(words))
    ]
    runs = [(is_gone, "".join(word for _, word in run)) for is_gone, run in groupby(
        zip(gone, words, strict=True), key=lambda pair: pair[0]
    )]  # fmt: skip
    # A gap in the place of one or two letters would save nothing.
    return "".join(GAP if is_gone and len(run) > len(GAP) + 1 else run for is_gone, run in runs)


def _cut(name: str) -> str:
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}{GAP}{name[1 - half :]}"
