"""Which utterances get whose TEC, for any fold and rate."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.protocols.fold import Fold
from mfsn.runs.unit import Unit
from mfsn.training.config import CorruptionConfig
from mfsn.training.data.corruption import replaced

RATES = st.floats(0, 1)


def unit_of(sizes: tuple[int, int, int], seed: int) -> Unit:
    parts = [
        tuple(f"{split}{i}" for i in range(size))
        for split, size in zip(("a", "b", "c"), sizes, strict=True)
    ]
    return Unit(Fold("fold", parts[0], parts[1], parts[2], True), seed, "", Path(), "")


@settings(deadline=None, max_examples=25)
@given(sizes=st.tuples(*[st.integers(2, 30)] * 3), seed=st.integers(0, 9), train=RATES, test=RATES)
def test_tec_comes_from_another_utterance_of_the_same_split(
    sizes: tuple[int, int, int], seed: int, train: float, test: float
) -> None:
    unit = unit_of(sizes, seed)
    config = CorruptionConfig(kind="other_utterance", train=train, test=test)
    for split, pairs in replaced(unit, config).items():
        own = set(unit.fold.split(split))
        assert set(pairs) <= own and set(pairs.values()) <= own  # never across
        assert all(name != other for name, other in pairs.items())
        assert len(set(pairs.values())) == len(pairs)  # none is lent twice
        rate = test if split == "test" else train
        assert abs(len(pairs) - rate * len(own)) <= 0.5


@settings(deadline=None, max_examples=25)
@given(rates=st.tuples(RATES, RATES), seed=st.integers(0, 9))
def test_more_is_lost_at_a_higher_rate_and_none_is_given_back(
    rates: tuple[float, float], seed: int
) -> None:
    lower, higher = (
        replaced(unit_of((17, 5, 9), seed), CorruptionConfig(kind="zeros", train=r, test=r))
        for r in sorted(rates)
    )
    assert all(lower[split].items() <= higher[split].items() for split in lower)
