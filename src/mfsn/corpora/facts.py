"""What is published about a corpus, as data: label map, counts, licence, known bad clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mfsn.config import Config


class CorpusFacts(Config):
    """The published facts of one corpus (data/<reader>.yaml)."""

    title: str
    licence: str
    citation: str | None = None
    obtain: str
    """What to do to have the corpus: a clause that follows a semicolon."""
    labels: Mapping[str, str] = {}
    """Label code of the file names to emotion; empty where the corpus may hold any emotion."""
    utterances: Mapping[str, int] = {}
    """Emotion to the number of utterances of a complete corpus; empty where none is published."""
    speakers: Mapping[str, int] = {}
    """Speaker to the number of utterances of a complete corpus."""
    speakers_count: tuple[str, ...] = ()
    """Emotions that `speakers` counts; empty: all."""
    sessions: Mapping[str, int] = {}
    """Session to the number of utterances of a complete corpus, of all emotions."""
    splits: Mapping[str, int] = {}
    """Official split to the number of utterances of a complete corpus."""
    parts: Mapping[str, str] = {}
    """Name of a part of the corpus to the text that the ids of its utterances hold."""
    votes: Mapping[str, str] = {}
    """Word of a rater to emotion."""
    genders: Mapping[str, str] = {}
    """Speaker to `female` or `male`."""
    sentences: Mapping[str, str] = {}
    """Sentence code of the file names to transcript."""
    bad_clips: Mapping[str, str] = {}
    """Id of an utterance that is known to be unusable, to the reason; these are excluded."""


def read_data(name: str) -> Any:
    """The values of a packaged YAML file.

    Args:
        name: its name without `.yaml`.
    """
    path = Path(__file__).parent / "readers" / "data" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def load_facts(reader: str) -> CorpusFacts:
    """The published facts of the corpus that a reader understands.

    Args:
        reader: a reader's name, such as `ravdess`.
    """
    return CorpusFacts.parse(read_data(reader), where=f"data/{reader}.yaml")
