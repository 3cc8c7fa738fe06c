"""Names that are meant to be one: spelt alike except for case, spaces or a letter."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from mfsn.base.quantities import counted
from mfsn.corpora.base import Utterance, enumerate_first, plain
from mfsn.corpora.config import LabelsConfig

_NAMES = ("utterance_id", "emotion", "speaker", "session", "gender", "split", "transcript")
_ALIKE = 0.75  # As difflib measures it: "agnry" is 0.8 like "angry", "mad" 0.67 like "sad".

Text = TypeVar("Text", str, None)


def tidy(utterance: Utterance) -> Utterance:
    """The utterance with its names as `tidied` writes them; the path stays as it is."""
    return replace(utterance, **{name: tidied(getattr(utterance, name)) for name in _NAMES})


def tidied(text: Text) -> Text:
    """Text without spaces around it, in composed Unicode (NFC)."""
    return None if text is None else unicodedata.normalize("NFC", text).strip()


def spelling_problems(utterances: Sequence[Utterance], labels: LabelsConfig) -> list[str]:
    """One sentence per speaker, session or emotion that is spelt in several ways.

    Spellings count as one name if they differ only by case or spaces. Emotions are compared after
    `labels.merge`, with the classes among them.
    """
    return [
        *_several_spellings("speakers", Counter(u.speaker for u in utterances if u.speaker)),
        *_several_spellings("sessions", Counter(u.session for u in utterances if u.session)),
        *_several_spellings("emotions", _emotions(utterances, labels), labels.classes),
    ]


def spelling_warnings(
    utterances: Iterable[Utterance], labels: LabelsConfig, known: Collection[str]
) -> list[str]:
    """One sentence per emotion that looks like a class with a wrong letter.

    Args:
        utterances: all utterances of a corpus.
        labels: which emotions are classes.
        known: emotions that the corpus is published with; they are spelt as they should be.
    """
    fitting = {plain(name) for name in (*known, *labels.classes, *labels.merge.values())}
    return [
        f"the emotion {emotion!r} of {counted(number, 'utterance')} looks like the class "
        f"{near[0]!r}, and these utterances are left out; correct it, or write it into "
        f"labels.merge as {{{emotion}: {near[0]}}}"
        for emotion, number in sorted(_emotions(utterances, labels).items())
        if plain(emotion) not in fitting and (near := _like(emotion, labels.classes))
    ]


def _like(emotion: str, classes: Sequence[str]) -> list[str]:
    """The classes that an emotion may be meant to be: few other letters, or the same in a wrong
    order.
    """
    letters = sorted(emotion.casefold())
    return [
        *difflib.get_close_matches(emotion.casefold(), classes, 1, _ALIKE),
        *(name for name in classes if sorted(name.casefold()) == letters),
    ]


def _emotions(utterances: Iterable[Utterance], labels: LabelsConfig) -> Counter[str]:
    return Counter(labels.merge.get(u.emotion, u.emotion) for u in utterances)


def _several_spellings(
    what: str, counts: Mapping[str, int], classes: Sequence[str] = ()
) -> list[str]:
    spellings = defaultdict(set)
    for name in (*counts, *classes):
        spellings[plain(name)].add(name)
    return [
        f"the {what} {enumerate_first([_counted(n, counts, classes) for n in sorted(names)])} "
        "differ only by case or spaces; give them one spelling"
        for names in sorted(map(sorted, spellings.values()))
        if len(names) > 1
    ]


def _counted(name: str, counts: Mapping[str, int], classes: Sequence[str]) -> str:
    uses = [counted(counts[name], "utterance")] if name in counts else []
    return f"{name!r} ({', '.join([*uses, *(['a class'] if name in classes else [])])})"
