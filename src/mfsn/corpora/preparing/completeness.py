"""What is missing from a corpus: its counts compared with the published ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mfsn.corpora.base import Utterance, enumerate_first
from mfsn.corpora.config import CorpusConfig
from mfsn.corpora.facts import CorpusFacts


def shortfall(names: Iterable[str | None], expected: Mapping[str, int]) -> dict[str, int]:
    """How many utterances of each name are missing.

    Args:
        names: one name per utterance, such as its emotion.
        expected: for each name, the number that a complete corpus has.
    """
    have = Counter(names)
    return {name: number - have[name] for name, number in expected.items() if have[name] < number}


def describe_shortage(
    config: CorpusConfig, facts: CorpusFacts, found: Sequence[Utterance]
) -> str | None:
    """One sentence that names what is missing from the corpus; None if it is complete."""
    counted: dict[str, tuple[Iterable[str | None], Mapping[str, int]]] = {
        "emotions": ((u.emotion for u in found), facts.utterances),
        "speakers": (counted_speakers(found, facts), facts.speakers),
        "sessions": ((u.session for u in found), facts.sessions),
        "splits": ((u.split for u in found), facts.splits),
    }
    short = {what: _have_of_expected(*counts) for what, counts in counted.items() if counts[1]}
    if not any(short.values()):
        return None
    listed = "; ".join(f"{what} {missing or 'complete'}" for what, missing in short.items())
    return f"corpus {config.name} is incomplete (found/expected): {listed}; {facts.obtain}"


def counted_speakers(utterances: Iterable[Utterance], facts: CorpusFacts) -> list[str | None]:
    """The speakers of the utterances that the published counts per speaker include."""
    counted = facts.speakers_count
    return [u.speaker for u in utterances if not counted or u.emotion in counted]


def _have_of_expected(names: Iterable[str | None], expected: Mapping[str, int]) -> str:
    missing = shortfall(names, expected)
    return enumerate_first(
        [f"{n} {expected[n] - less}/{expected[n]}" for n, less in missing.items()]
    )
