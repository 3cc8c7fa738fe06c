"""What is published about a corpus, as data: labels, counts, licence, clips known to be bad."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mfsn.config import Config


class CorpusFacts(Config):
    """The published facts of one corpus.

    The facts of mfsn's own readers are in readers/data/NAME.yaml. A plug-in makes an instance, or
    reads its own file with `CorpusFacts.parse`. Counts are those of a complete corpus; `prepare`
    compares them with what it finds, and an empty mapping is not compared.
    """

    title: str
    licence: str
    citation: str | None = None
    obtain: str
    """How to get the corpus, as a clause that follows a semicolon in messages."""
    labels: Mapping[str, str] = {}
    """Label code of the file names to emotion; empty if the corpus may contain any emotion."""
    utterances: Mapping[str, int] = {}
    """Emotion to its number of utterances."""
    speakers: Mapping[str, int] = {}
    """Speaker to the number of utterances."""
    speakers_count: tuple[str, ...] = ()
    """The emotions that are counted in `speakers`; empty: all of them."""
    sessions: Mapping[str, int] = {}
    """Session to its number of utterances of all emotions."""
    splits: Mapping[str, int] = {}
    """Official split to its number of utterances."""
    parts: Mapping[str, str] = {}
    """Name of a part of the corpus to a text that the ids of all its utterances contain."""
    votes: Mapping[str, str] = {}
    """Word that a rater uses to emotion."""
    genders: Mapping[str, str] = {}
    """Speaker to `female` or `male`."""
    sentences: Mapping[str, str] = {}
    """Sentence code of the file names to transcript."""
    bad_clips: Mapping[str, str] = {}
    """Id of an utterance that is known to be unusable to the reason; these are left out."""


def read_data(name: str) -> Any:
    """Read a YAML file that comes with the readers.

    Args:
        name: its name without `.yaml`.
    """
    path = Path(__file__).parent / "readers" / "data" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def load_facts(reader: str) -> CorpusFacts:
    """Read the published facts for a reader of mfsn.

    Args:
        reader: its name, such as `ravdess`.
    """
    return CorpusFacts.parse(read_data(reader), where=f"data/{reader}.yaml")
