"""Which utterances are looked into: a sample of each class, the worst mistakes, a whole corpus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from mfsn.errors import ManifestError, PredictionError
from mfsn.report.utterance import choice
from mfsn.report.utterance.source import Source

Open = Callable[[], Source]


def corpus(size: int) -> pd.DataFrame:
    """A third is tense."""
    ids = [f"u{number:04d}" for number in range(size)]
    return pd.DataFrame(
        {"utterance_id": ids, "emotion": ["tense" if n % 3 else "calm" for n in range(size)]}
    )


def decided(confidences: dict[str, float]) -> pd.DataFrame:
    """All labelled calm; those below a half are wrong."""
    return pd.DataFrame(
        [
            {
                "utterance_id": name,
                "fold": "1",
                "seed": 0,
                "selection": "held_out",
                "label": "calm",
                "predicted": "calm" if calm >= 0.5 else "tense",
                "posterior_calm": calm,
                "posterior_tense": 1 - calm,
            }
            for name, calm in confidences.items()
        ]
    )


def test_a_sample_has_as_many_of_each_class_in_the_manifests_order() -> None:
    manifest = corpus(60)
    chosen = choice.sample(manifest, 4, seed=0)
    labels = manifest.set_index("utterance_id").loc[chosen, "emotion"]
    assert labels.value_counts().to_dict() == {"calm": 4, "tense": 4}
    assert chosen == sorted(chosen)


def test_a_sample_depends_on_the_seed_alone() -> None:
    manifest = corpus(60)
    assert choice.sample(manifest, 4, seed=1) == choice.sample(manifest.copy(), 4, seed=1)
    assert choice.sample(manifest, 4, seed=1) != choice.sample(manifest, 4, seed=2)
    calm = manifest[manifest["emotion"] == "calm"]
    assert set(choice.sample(calm, 4, seed=1)) < set(choice.sample(manifest, 4, seed=1))


def test_a_small_class_is_taken_whole() -> None:
    assert len(choice.sample(corpus(9), 5, seed=0)) == 3 + 5


def test_mistakes_come_most_confident_first(opened: Open) -> None:
    source = replace(opened(), predictions=decided({"a": 0.4, "b": 0.9, "c": 0.1, "d": 0.4}))
    assert choice.most_wrong(source, 2) == ["c", "a"]
    assert choice.most_wrong(source, 9) == ["c", "a", "d"]


def test_without_predictions_nothing_is_wrong(opened: Open) -> None:
    with pytest.raises(PredictionError, match=r"no predictions yet.*`dvc repro`"):
        choice.most_wrong(opened(), 1)


def test_without_mistakes_there_is_nothing_to_show(opened: Open) -> None:
    source = replace(opened(), predictions=decided({"a": 0.6, "b": 0.9}))
    with pytest.raises(PredictionError, match="all 2 decisions are right"):
        choice.most_wrong(source, 1)


def test_named_utterances_are_shown_once_each(opened: Open) -> None:
    assert choice.named(opened(), ["one/clip2", "one/clip2"]) == ["one/clip2"]
    with pytest.raises(ManifestError, match="similar ids are one/clip2"):
        choice.named(opened(), ["one/clip2", "one/clip22"])


@pytest.mark.parametrize(("size", "shown"), [(500, 500), (501, 167 + 250), (3000, 500)])
def test_a_page_holds_a_whole_corpus_up_to_a_limit(opened: Open, size: int, shown: int) -> None:
    assert len(choice.for_page(replace(opened(), manifest=corpus(size)))) == shown
