"""Context of an encoder: what is refused, what belongs to the identity, what older rows mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfsn.errors import ConfigError
from mfsn.features.base import store_spec
from mfsn.features.config import EncoderConfig
from mfsn.features.extractors.encoder import EncoderExtractor, SecExtractor
from mfsn.features.registry import make_extractor, remake_extractor
from mfsn.segments.config import Reading, SegmentConfig
from mfsn.segments.waves import segment_recipe

WAV2VEC2, WHISPER = "random/wav2vec2-demo", "random/whisper-demo"


@pytest.fixture(autouse=True)
def _store(store: Path) -> None:
    """Random checkpoints are written there."""


def config(model: str, **more: Any) -> EncoderConfig:
    return EncoderConfig.parse({"model": model, "levels": {"last": -1}} | more, "params.yaml: sec")


def make(model: str, samples: int = 48_000, **more: Any) -> EncoderExtractor:
    return SecExtractor(config(model, **more), 16_000, samples)


def identity(extractor: EncoderExtractor) -> str:
    return store_spec(extractor, segment_recipe(SegmentConfig())).identity


@pytest.mark.parametrize(("model", "usual"), [(WAV2VEC2, "segment"), (WHISPER, "utterance")])
def test_null_is_the_utterance_for_whisper_and_the_segment_for_others(
    model: str, usual: str
) -> None:
    by_name = {name: make(model, context=name) for name in ("segment", "utterance", None)}
    assert by_name[None].context == usual
    assert identity(by_name[None]) == identity(by_name[usual])
    assert identity(by_name["segment"]) != identity(by_name["utterance"])
    shapes = {array.shape for each in by_name.values() for array in each.arrays}
    assert shapes == {(149 if model == WAV2VEC2 else 150, 48)}


def test_the_context_is_left_out_of_the_identity_of_segments() -> None:
    assert "context" not in make(WHISPER, context="segment").parameters
    parameters = make(WHISPER).parameters
    assert (parameters["context"], parameters["context_segments"]) == ("utterance", 10)


def test_what_counts_of_the_seconds_is_how_many_segments_they_hold() -> None:
    six, less, seven = (make(WAV2VEC2, context="utterance", context_s=s) for s in (6, 5.9, 7.5))
    assert identity(six) == identity(seven) != identity(less)


@pytest.mark.parametrize("context", ["segment", "utterance", None])
@pytest.mark.parametrize("model", [WAV2VEC2, WHISPER])
def test_an_extractor_is_made_again_from_what_it_said(model: str, context: str | None) -> None:
    made = make(model, context=context)
    again = remake_extractor("sec", made.about, 16_000, 48_000)
    assert again.parameters == made.parameters
    assert again.about == made.about


def test_what_older_versions_said_means_segments() -> None:
    said = {
        "config": {
            "model": WHISPER, "revision": None, "levels": {"last": -1}, "precision": "float32",
            "dtype": "float16",
        },
        "levels": ["last"], "weights": "random weights",
    }  # fmt: skip
    again = remake_extractor("sec", said, 16_000, 48_000)
    assert again.context == "segment"
    assert again.about == said


@pytest.mark.parametrize(
    ("model", "samples", "more", "sentence"),
    [
        (WHISPER, 48_000, {"context_s": 34}, "sec.context_s 34 is more than the 30 seconds that"),
        (WHISPER, 48_000, {"context_s": 2}, "sec.context_s 2 is shorter than a segment"),
        (WHISPER, 48_100, {}, r"\(320 samples each\), but segment.duration_s gives 48100; change"),
        (WAV2VEC2, 48_100, {"context": "utterance"}, "sec.context utterance needs segments of a"),
    ],
)
def test_a_context_that_cannot_be_is_one_sentence(
    model: str, samples: int, more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=f"{sentence}.*set sec.context: segment$"):
        make(model, samples, **more)
    assert make(model, samples, context="segment").context == "segment"


@pytest.mark.parametrize("name", ["sec", "tec"])
@pytest.mark.parametrize("model", [WAV2VEC2, WHISPER])
def test_the_published_reading_gives_segments_alone(name: str, model: str) -> None:
    published: Reading = "as_published"
    for context in ("segment", None):
        made = make_extractor(name, config(model, context=context), 16_000, 48_000, published)
        assert made.context == "segment"
    expected = f"{name}.context utterance contradicts segment.reading as_published"
    with pytest.raises(ConfigError, match=expected):
        make_extractor(name, config(model, context="utterance"), 16_000, 48_000, published)


def test_old_parameters_still_parse() -> None:
    values = {"model": WHISPER, "levels": {"last": -1}, "frames": "all", "precision": "float32"}
    found = EncoderConfig.parse(values, "params.yaml: sec")
    assert (found.context, found.context_s) == (None, 30.0)
