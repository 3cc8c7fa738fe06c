"""Emotions to classes."""

from __future__ import annotations

from mfsn.corpora.base import Utterance
from mfsn.corpora.config import LabelsConfig
from mfsn.corpora.labels import label_problems, select_classes


def spoken(*emotions: str) -> list[Utterance]:
    return [Utterance(str(n), f"{n}.wav", emotion, "own") for n, emotion in enumerate(emotions)]


def test_classes_are_kept_in_order_and_others_counted() -> None:
    labels = LabelsConfig(classes=["sad", "happy"])
    kept, others = select_classes(spoken("happy", "calm", "sad", "bored", "calm", "happy"), labels)
    assert [(u.utterance_id, u.emotion) for u in kept] == [
        ("0", "happy"), ("2", "sad"), ("5", "happy"),
    ]  # fmt: skip
    assert others == {"bored": 1, "calm": 2}


def test_merging_renames_once_and_not_in_chains() -> None:
    labels = LabelsConfig(classes=["a", "b"], merge={"c": "a", "a": "b"})
    kept, others = select_classes(spoken("a", "b", "c"), labels)
    assert [u.emotion for u in kept] == ["b", "b", "a"]
    assert others == {}


def test_what_is_merged_into_no_class_is_counted_under_its_new_name() -> None:
    labels = LabelsConfig(classes=["a", "b"], merge={"c": "d"})
    assert select_classes(spoken("c", "d"), labels) == ([], {"d": 2})


def test_the_utterances_given_are_not_changed() -> None:
    utterances = spoken("a")
    select_classes(utterances, LabelsConfig(classes=["b", "x"], merge={"a": "b"}))
    assert utterances == spoken("a")


def test_no_problem_when_every_class_has_an_utterance() -> None:
    labels = LabelsConfig(classes=["a", "b"], merge={"c": "b"})
    assert label_problems(spoken("a", "c"), labels, known=()) == []


def test_a_class_that_only_its_label_map_knows_is_empty() -> None:
    problems = label_problems(spoken("a"), LabelsConfig(classes=["a", "b"]), known=("a", "b"))
    assert problems == ["labels.classes asks for b, which no utterance has; the corpus has a, b"]


def test_an_emotion_that_the_label_map_knows_may_be_merged_though_none_is_there() -> None:
    labels = LabelsConfig(classes=["a", "b"], merge={"c": "b"})
    assert label_problems(spoken("a", "b"), labels, known=("a", "b", "c")) == []


def test_a_class_that_merging_emptied_is_a_problem() -> None:
    labels = LabelsConfig(classes=["a", "b"], merge={"b": "a"})
    assert len(label_problems(spoken("a", "b"), labels, known=())) == 1
