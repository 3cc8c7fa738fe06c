"""The plan of the demo: which voice speaks which words with which prosody.

Every voice says each of its twelve sentences (words of four emotions, three lengths) with the
prosody of every emotion. So neither the words nor the speaker tell anything about the label.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

RECIPE = Path(__file__).parent / "data" / "speech.yaml"
"""Voices, sentences and prosody."""


@dataclass(frozen=True)
class Spoken:
    """One utterance to be spoken."""

    name: str
    """The utterance id, such as v03-angry-happy-long-2."""
    speaker: str
    session: str
    gender: str
    emotion: str
    """The emotion of the prosody, which is the label."""
    sentence_emotion: str
    """The emotion of the words."""
    text: str
    voice: str
    """The name of the voice and its variant in eSpeak, such as en-us+f1."""
    mark: str
    """The punctuation at the end of the sentence."""
    prosody: Mapping[str, float]
    """pitch and range (0 to 100 on eSpeak's scales), rate (words per minute), level_db (root mean
    square relative to full scale), fade_db (change of level from the first to the last sample);
    first, middle and last (per cent that is added to the pitch of these words)."""
    ratings: Mapping[str, float]
    """valence, arousal and dominance from 1 to 5, computed from the prosody."""


def read_recipe() -> Any:
    """The values in `RECIPE`."""
    return yaml.safe_load(RECIPE.read_text(encoding="utf-8"))


def plan_demo() -> list[Spoken]:
    """All utterances of the demo, sorted by name."""
    return sorted(_plan(read_recipe()), key=lambda spoken: spoken.name)


def _plan(recipe: Mapping[str, Any]) -> Iterator[Spoken]:
    for number, voice in enumerate(recipe["voices"]):
        for words, by_length in recipe["sentences"].items():
            for shift, (length, texts) in enumerate(by_length.items()):
                index = (number + shift) % len(texts)
                for emotion in recipe["prosody"]:
                    name = f"{voice['speaker']}-{emotion}-{words}-{length}-{index + 1}"
                    prosody = _prosody(recipe, voice["strength"], emotion, random.Random(name))
                    yield Spoken(
                        name=name,
                        speaker=voice["speaker"],
                        session=voice["session"],
                        gender=voice["gender"],
                        emotion=emotion,
                        sentence_emotion=words,
                        text=texts[index],
                        voice=voice["voice"],
                        mark=recipe["marks"][emotion],
                        prosody=_spoken_by(voice, prosody, recipe["rms_db"]),
                        ratings=_ratings(recipe, prosody),
                    )


def _prosody(
    recipe: Mapping[str, Any], strength: float, emotion: str, chance: random.Random
) -> dict[str, float]:
    """The prosody of one utterance with random changes, but without the habits of the speaker."""
    neutral, target = recipe["prosody"]["neutral"], recipe["prosody"][emotion]
    return {
        name: neutral[name]
        + strength * (target[name] - neutral[name])
        + chance.uniform(-width, width)
        for name, width in recipe["jitter"].items()
    }


def _spoken_by(
    voice: Mapping[str, Any], prosody: Mapping[str, float], rms_db: float
) -> dict[str, float]:
    return {
        **prosody,
        "pitch": prosody["pitch"] + voice["pitch"],
        "rate": prosody["rate"] * voice["rate"],
        "level_db": prosody["level_db"] + voice["level_db"] + rms_db,
    }


def _ratings(recipe: Mapping[str, Any], prosody: Mapping[str, float]) -> dict[str, float]:
    neutral, scale = recipe["prosody"]["neutral"], recipe["rating_scale"]
    ratings = {}
    for dimension, weights in recipe["ratings"].items():
        moved = sum(weight * (prosody[name] - neutral[name]) for name, weight in weights.items())
        within = min(max(scale["neutral"] + moved, scale["lowest"]), scale["highest"])
        ratings[dimension] = round(within, 2)
    return ratings
