"""What the demo says: who speaks which words with which prosody.

Every voice says each of its twelve sentences (four emotions of words, three lengths) with the
prosody of every emotion, so that words tell nothing about the label, nor does the speaker.
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
    """Utterance id, such as v03-angry-happy-long-2."""
    speaker: str
    session: str
    gender: str
    emotion: str
    """The emotion of the prosody: the label."""
    sentence_emotion: str
    """The emotion of the words."""
    text: str
    voice: str
    """eSpeak's name of the voice and its variant, such as en-us+f1."""
    mark: str
    """Punctuation that ends the sentence."""
    prosody: Mapping[str, float]
    """pitch and range (0 to 100 on eSpeak's scales), rate (words a minute), level_db (root mean
    square relative to full scale), fade_db (change of level from the first to the last sample);
    first, middle, last (per cent added to the pitch of these words)."""
    ratings: Mapping[str, float]
    """valence, arousal and dominance from 1 to 5, which follow from the prosody."""


def read_recipe() -> Any:
    """The values of `RECIPE`."""
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
    """Drawn for one utterance, as a speaker without habits of their own would speak it."""
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
