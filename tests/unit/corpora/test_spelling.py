"""Names that are spelt in several ways."""

from __future__ import annotations

import pytest

from mfsn.corpora.base import Utterance
from mfsn.corpora.config import LabelsConfig
from mfsn.corpora.preparing.spelling import spelling_problems, spelling_warnings, tidy

LABELS = LabelsConfig(classes=["happy", "sad", "angry"])


def spoken(*rows: tuple[str, str | None]) -> list[Utterance]:
    return [Utterance(str(i), f"{i}.wav", emotion, "own", speaker)
            for i, (emotion, speaker) in enumerate(rows)]  # fmt: skip


def test_names_lose_the_spaces_around_them_and_are_composed() -> None:
    given = Utterance(
        " a ", " a.wav", "sad ", "own", "Zoe\u0308\u00a0", session="\tone", gender=None
    )
    assert tidy(given) == Utterance("a", " a.wav", "sad", "own", "Zo\u00eb", session="one")


@pytest.mark.parametrize("other", ["S1", "s 1", " s1", "\uff531"])
def test_speakers_that_differ_by_case_or_spaces_are_named(other: str) -> None:
    rows = spoken(("sad", "s1"), ("sad", other), ("happy", other), ("sad", "s2"), ("sad", None))
    first, second = sorted([("s1", "1 utterance"), (other, "2 utterances")])
    assert spelling_problems(rows, LABELS) == [
        f"the speakers {first[0]!r} ({first[1]}), {second[0]!r} ({second[1]}) differ only by case "
        "or spaces; give them one spelling"
    ]


def test_an_emotion_that_is_a_class_in_other_letters_is_named() -> None:
    rows = spoken(("Happy", None), ("Happy", None), ("sad", None))
    assert spelling_problems(rows, LABELS) == [
        "the emotions 'Happy' (2 utterances), 'happy' (a class) differ only by case or spaces; "
        "give them one spelling"
    ]


def test_what_merge_gives_one_name_is_one() -> None:
    labels = LabelsConfig(classes=["happy", "sad"], merge={"Happy": "happy"})
    assert spelling_problems(spoken(("Happy", None), ("happy", None)), labels) == []


def test_an_emotion_that_looks_like_a_class_is_told_with_its_number() -> None:
    rows = spoken(("agnry", None), ("agnry", None), ("bored", None), ("mad", None))
    assert spelling_warnings(rows, LABELS, ()) == [
        "the emotion 'agnry' of 2 utterances looks like the class 'angry', and these utterances "
        "are left out; correct it, or write it into labels.merge as {agnry: angry}"
    ]


def test_an_emotion_with_letters_in_a_wrong_order_looks_like_a_class() -> None:
    (told,) = spelling_warnings(spoken(("sda", None)), LABELS, ())
    assert told.startswith("the emotion 'sda' of 1 utterance looks like the class 'sad'")


def test_a_published_emotion_looks_like_nothing_else() -> None:
    labels = LabelsConfig(classes=["surprise", "sad"])
    rows = spoken(("surprised", None))
    assert len(spelling_warnings(rows, labels, ())) == 1
    assert spelling_warnings(rows, labels, ("surprised",)) == []
